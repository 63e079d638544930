package ops

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// written returns the lines of a log in JSON.
func written(t *testing.T, b *bytes.Buffer) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(b.String()) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		log := Throttle(slog.New(slog.NewJSONHandler(&b, nil)).With("component", "x"))
		// A hundred lines a second for a minute, from two loggers of one limit.
		const seconds, rate = 60, 100
		other := log.With("other", true)
		for i := range seconds * rate {
			if i%2 == 0 {
				log.Warn("away", "n", i)
			} else {
				other.Error("away", "n", i)
			}
			time.Sleep(time.Second / rate)
		}
		time.Sleep(throttleTail)
		synctest.Wait()

		lines, told := written(t, &b), 0
		if most := throttleBurst + seconds*throttleRate + seconds/10 + 1; len(lines) > most || len(lines) < seconds {
			t.Errorf("%d lines in a minute, want from %d to %d", len(lines), seconds, most)
		}
		for _, l := range lines {
			n, _ := l["suppressed"].(float64)
			told += 1 + int(n)
			if l["component"] != "x" || l["msg"] != "away" {
				t.Errorf("line %v", l)
			}
		}
		if told != seconds*rate {
			t.Errorf("the lines account for %d of %d", told, seconds*rate)
		}
		if last := lines[len(lines)-1]; last["n"] != float64(seconds*rate-1) {
			t.Errorf("the last line is %v: it does not show how it ended", last)
		}
	})
}

func TestThrottleLetsFewThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		log := Throttle(slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: slog.LevelWarn})))
		log.Info("below the level")
		for range throttleBurst {
			log.WithGroup("g").Warn("seldom", "k", 1)
		}
		time.Sleep(2 * throttleTail)
		lines := written(t, &b)
		if len(lines) != throttleBurst {
			t.Errorf("%d lines, want %d", len(lines), throttleBurst)
		}
		for _, l := range lines {
			if g, _ := l["g"].(map[string]any); l["suppressed"] != nil || g["k"] != 1.0 {
				t.Errorf("line %v", l)
			}
		}
	})
}
