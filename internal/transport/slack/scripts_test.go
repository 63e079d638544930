package slack

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/safenet"
	"accessrelay/internal/transport"
	"accessrelay/internal/transport/transporttest"
)

// TestLimitsInEveryScript: for every event type and in several scripts, 50 kB of
// text in every field make a message that Slack takes, as it is received, and no
// rune, escape or entity is cut in two; also where a text_template writes it.
func TestLimitsInEveryScript(t *testing.T) {
	sink := transporttest.NewSink(t, func(w http.ResponseWriter) { _, _ = io.WriteString(w, "ok") })
	srv := httptest.NewServer(sink)
	t.Cleanup(srv.Close)
	client := safenet.NewClient(safenet.Policy{Operator: true}, safenet.Options{})
	t.Cleanup(client.CloseIdleConnections)
	tr := New(transport.Clients{Operator: client})
	templated, err := readWith(srv.URL, everything)
	if err != nil {
		t.Fatal(err)
	}
	configs := []channel.Config{parse(t, srv.URL), templated}

	longest, sent := 0, 0
	for script, unit := range transporttest.Scripts() {
		for i, typ := range slices.Concat(event.Types(), event.Types()) {
			ch := &channel.Channel{ManagedBy: channel.ManagedByFile, Config: configs[i/len(event.Types())]}
			rows := 1 + i%2 // one access stands in the fields, two in a list
			if i >= len(event.Types()) {
				if i%6 != 0 {
					continue // a template's text hardly depends on the type
				}
				rows = 1 // 1.4 MB: a template's work is bounded, and no event has more
			}
			ev := inScript(typ, unit, rows)
			if err := transporttest.Send(t.Context(), tr, ch, ev, time.Now()); err != nil {
				t.Fatalf("%s, %s: %v", script, typ, err)
			}
			sent++
			got := sink.Requests()
			body := got[len(got)-1].Body
			checkMessage(t, body)
			checkWhole(t, body, unit)
			longest = max(longest, units(string(body)))
			if t.Failed() {
				t.Fatalf("in %s, of type %s", script, typ)
			}
		}
	}
	t.Logf("%d messages in %d scripts of %d types; the longest has %d characters, the limit is %d",
		sent, len(transporttest.Scripts()), len(event.Types()), longest, slackMessage)
}

// inScript is an event with 50 kB of unit in every field that a platform fills.
func inScript(typ event.Type, unit string, rows int) *event.Event {
	text := transporttest.Long(unit, 50_000, ".")
	return transporttest.Filled(typ, rows, func(path string) string {
		if path == "request.url" {
			return "https://app.example/?q=" + text
		}
		return text
	})
}

// checkWhole fails t for a cut inside what belongs together.
func checkWhole(t *testing.T, body []byte, unit string) {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	for _, s := range textsIn(v) {
		if strings.ContainsRune(s, utf8.RuneError) {
			t.Errorf("a rune was cut: %.200q", s)
		}
		if rest := entity.ReplaceAllString(s, ""); strings.Contains(rest, "&") {
			t.Errorf("an entity was cut: %.200q", rest)
		}
	}
	if visible := strings.TrimSpace(unit); len(visible) > 20 && !strings.Contains(string(body), string([]rune(visible)[:3])) {
		t.Errorf("the text is not in the message: %.300s", body)
	}
}

func textsIn(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, x := range v {
			out = append(out, textsIn(x)...)
		}
		return out
	case map[string]any:
		var out []string
		for _, x := range v {
			out = append(out, textsIn(x)...)
		}
		return out
	}
	return nil
}
