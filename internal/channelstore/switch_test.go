package channelstore

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"accessrelay/internal/channel"
)

// ever is later than any change.
var ever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func (on suite) testSwitchAPI(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	for _, tt := range []struct {
		name            string
		enabled         bool
		reason          string
		disable, enable bool // whether the switch changes anything
	}{
		{name: "on", enabled: true, disable: true},
		{name: "off by a person"},
		{name: "off by the relay", reason: "410 Gone", enable: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, rdb)
			later := time.Now().Add(time.Hour).UTC()
			w.now = func() time.Time { return later }
			check := func(do string, changes bool, got bool, err error, enabled bool, reason string, before Record) {
				t.Helper()
				if err != nil || got != changes {
					t.Errorf("%s = %v, %v; want %v", do, got, err, changes)
				}
				after := w.get(before.ID)
				if changes {
					before.Enabled, before.DisabledReason = enabled, reason
					before.Revision++
					before.UpdatedAt = later.Truncate(time.Millisecond)
				}
				same(t, "after "+do, after, before)
			}
			start := func() Record {
				r := w.create(uuid.NewString())
				r.Enabled, r.DisabledReason = tt.enabled, tt.reason
				if err := w.Update(ctx, r); err != nil {
					t.Fatal(err)
				}
				return w.get(r.ID)
			}
			r := start()
			got, err := w.Disable(ctx, w.tenant, r.ID, ever, "smtp 550")
			check("Disable", tt.disable, got, err, false, "smtp 550", r)
			r = start()
			got, err = w.Enable(ctx, w.tenant, r.ID)
			check("Enable", tt.enable, got, err, true, "", r)
		})
	}
	w := newWorld(t, rdb)
	r := w.create("a")
	if _, err := w.Disable(ctx, w.tenant, r.ID, ever, ""); err == nil {
		t.Error("Disable without a reason: no error")
	}
	if got, err := w.Disable(ctx, w.tenant, r.ID, w.get(r.ID).UpdatedAt.Add(-time.Millisecond), "410 Gone"); got || err != nil || !w.get(r.ID).Enabled {
		t.Errorf("Disable of a channel that was changed since = %v, %v", got, err)
	}
	if got, err := w.Disable(ctx, w.tenant, r.ID, w.get(r.ID).UpdatedAt, "410 Gone"); !got || err != nil || w.get(r.ID).Enabled {
		t.Errorf("Disable of the channel as it is = %v, %v", got, err)
	}
	if err := w.Delete(ctx, w.tenant, r.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Disable(ctx, w.tenant, r.ID, ever, "x"); got || err != nil {
		t.Errorf("Disable of a deleted channel = %v, %v", got, err)
	}
	if states, err := w.FileStates(ctx, w.tenant); err != nil || len(states) != 0 {
		t.Errorf("a deleted channel is taken for the file's: %v, %v", states, err)
	}
}

func (on suite) testSwitchFile(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb)
	a, b := channel.FileID(w.tenant, "a"), channel.FileID(w.tenant, "b")
	for _, step := range []struct {
		do     string
		id     string
		reason string // "": enable
		want   bool
		states map[string]string
	}{
		{"enable what is on", a, "", false, map[string]string{}},
		{"disable", a, "410 Gone", true, map[string]string{a: "410 Gone"}},
		{"disable again", a, "other", false, map[string]string{a: "410 Gone"}},
		{"disable another", b, "other", true, map[string]string{a: "410 Gone", b: "other"}},
		{"enable", a, "", true, map[string]string{b: "other"}},
		{"enable again", a, "", false, map[string]string{b: "other"}},
	} {
		var got bool
		var err error
		if step.reason == "" {
			got, err = w.Enable(ctx, w.tenant, step.id)
		} else {
			got, err = w.Disable(ctx, w.tenant, step.id, ever, step.reason)
		}
		if err != nil || got != step.want {
			t.Errorf("%s = %v, %v; want %v", step.do, got, err, step.want)
		}
		if states, err := w.FileStates(ctx, w.tenant); err != nil || !reflect.DeepEqual(states, step.states) {
			t.Errorf("after %s: %v, %v; want %v", step.do, states, err, step.states)
		}
	}
}

// Whoever changes a channel while the relay disables it loses nothing, and the
// channel is off in the end.
func (on suite) testSwitchUnderAChange(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb)
	r := w.create("a")
	var wg sync.WaitGroup
	wg.Go(func() {
		if got, err := w.Disable(ctx, w.tenant, r.ID, ever, "410 Gone"); !got || err != nil {
			t.Errorf("Disable = %v, %v", got, err)
		}
	})
	last := ""
	for i := range 10 {
		for {
			now := w.get(r.ID)
			now.Name = fmt.Sprint("name ", i)
			err := w.Update(ctx, now)
			if err == nil {
				last = now.Name
				break
			}
			if !errors.Is(err, ErrConflict) {
				t.Fatal(err)
			}
		}
	}
	wg.Wait()
	if got := w.get(r.ID); got.Enabled || got.DisabledReason != "410 Gone" || got.Name != last {
		t.Errorf("the channel is %+v", got)
	}
}

func TestFileChannelID(t *testing.T) {
	const tenant = "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11"
	const want = "cce49457-2f1b-52ba-9eae-49235edc462b"
	if got := channel.FileID(tenant, "security-slack"); got != want {
		t.Errorf("channel.FileID = %s, was always %s", got, want)
	}
	if got := channel.FileID("8D5B2C1E-3F4A-4A57-9D7E-2F6B1C0A9E11", "security-slack"); got != want {
		t.Errorf("of the tenant in capitals: %s", got)
	}
	for _, other := range [][2]string{{tenant, "security-Slack"}, {uuid.NewString(), "security-slack"}} {
		if got := channel.FileID(other[0], other[1]); got == want || !channel.IsFileID(got) {
			t.Errorf("channel.FileID(%v) = %s", other, got)
		}
	}
	for _, id := range []string{uuid.NewString(), "", "x"} {
		if channel.IsFileID(id) {
			t.Errorf("%q is taken for a file's channel", id)
		}
	}
}
