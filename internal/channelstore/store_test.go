package channelstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"accessrelay/internal/channel"
	"accessrelay/internal/ratelimit"
)

func (on suite) testCreateAndRead(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb)
	full := w.channel("security-slack")
	full.Enabled, full.DisabledReason = false, "410 <Gone>"
	full.Filters = []string{"grant.*", "request.break_glass"}
	full.RateLimit, full.Redact = &ratelimit.Rate{N: 30, Per: time.Minute}, []string{"request.reason", "raw.a"}
	least := Record{}
	least.ID, least.TenantID, least.Name, least.ManagedBy = uuid.NewString(), w.tenant, "bare", full.ManagedBy
	for _, r := range []Record{full, least} {
		if err := w.Create(ctx, r); err != nil {
			t.Fatal(err)
		}
		want := r
		want.Revision = 1
		want.Filters = append([]string{}, r.Filters...) // never null in an answer
		same(t, "Get", w.get(r.ID), want)
	}
	if _, err := w.Get(ctx, w.tenant, uuid.NewString()); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get of an unknown channel: %v", err)
	}
	bad := w.channel("bad")
	bad.Masked = json.RawMessage("{")
	if err := w.Create(ctx, bad); err == nil {
		t.Error("Create with a broken masked config: no error")
	}
}

func (on suite) testList(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb)
	if list, err := w.List(ctx, w.tenant); err != nil || len(list) != 0 {
		t.Errorf("List of nothing = %v, %v", list, err)
	}
	at := time.Now().UTC().Truncate(time.Millisecond)
	for _, c := range []struct {
		id    string
		after time.Duration
	}{{"c", 0}, {"b", 0}, {"a", time.Millisecond}, {"d", -time.Millisecond}} {
		r := w.channel("name of " + c.id)
		r.ID, r.CreatedAt = c.id, at.Add(c.after)
		if err := w.Create(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	list, err := w.List(ctx, w.tenant)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range list {
		ids = append(ids, r.ID)
		same(t, "List", r, w.get(r.ID))
	}
	if got := strings.Join(ids, ""); got != "dbca" {
		t.Errorf("in the order %s, want dbca", got)
	}
}

func (on suite) testUpdate(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb)
	r := w.create("a")
	r.Name, r.Enabled, r.Filters = "b", false, []string{"test"}
	r = w.seal(r, "another config")
	if err := w.Update(ctx, r); err != nil {
		t.Fatal(err)
	}
	stale := r // still of revision 1
	r.Revision = 2
	same(t, "Get", w.get(r.ID), r)
	stale.Name = "c"
	if err := w.Update(ctx, stale); !errors.Is(err, ErrConflict) {
		t.Errorf("Update of what has changed: %v", err)
	}
	same(t, "after a conflict", w.get(r.ID), r)
	if err := w.Update(ctx, w.channel("x")); !errors.Is(err, ErrNotFound) {
		t.Errorf("Update of an unknown channel: %v", err)
	}
}

func (on suite) testUpdateAtOnce(t *testing.T) {
	rdb := on.rdb
	w := newWorld(t, rdb)
	r := w.create("a")
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			mine := r
			mine.Name = fmt.Sprint("name ", i)
			switch err := w.Update(t.Context(), mine); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, ErrConflict):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := won.Load(); n != 1 {
		t.Errorf("%d updates of one revision succeeded", n)
	}
}

func (on suite) testDelete(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb)
	a, b := w.create("a"), w.create("b")
	if err := w.Delete(ctx, w.tenant, a.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Get(ctx, w.tenant, a.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get of a deleted channel: %v", err)
	}
	if err := w.Delete(ctx, w.tenant, a.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("Delete of a deleted channel: %v", err)
	}
	if err := w.Update(ctx, a); !errors.Is(err, ErrNotFound) {
		t.Errorf("Update of a deleted channel: %v", err)
	}
	w.create("a")
	if got := w.get(b.ID); got.Name != "b" {
		t.Errorf("the other is %+v", got)
	}
	if err := w.Delete(ctx, w.tenant, b.ID); err != nil {
		t.Fatal(err)
	}
	if names := rdb.HKeys(ctx, namesKey(w.tenant)).Val(); !reflect.DeepEqual(names, []string{"a"}) {
		t.Errorf("names in use: %v", names)
	}
}

func (on suite) testNames(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb)
	a, b := w.create("a"), w.create("b")
	if err := w.Create(ctx, w.channel("a")); !errors.Is(err, ErrNameTaken) {
		t.Errorf("Create under a name in use: %v", err)
	}
	b.Name = "a"
	if err := w.Update(ctx, b); !errors.Is(err, ErrNameTaken) {
		t.Errorf("Update to a name in use: %v", err)
	}
	a.Name = "c"
	if err := w.Update(ctx, a); err != nil {
		t.Fatal(err)
	}
	if err := w.Update(ctx, b); err != nil {
		t.Errorf("Update to a name that is free again: %v", err)
	}
	same := w.channel("d")
	same.ID = a.ID
	if err := w.Create(ctx, same); !errors.Is(err, ErrConflict) {
		t.Errorf("Create under an id in use: %v", err)
	}
	if got := w.get(a.ID); got.Name != "c" {
		t.Errorf("the channel is %+v", got)
	}
}

func (on suite) testNameIsForOne(t *testing.T) {
	rdb := on.rdb
	w := newWorld(t, rdb)
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		r := w.channel("the one")
		wg.Go(func() {
			switch err := w.Create(t.Context(), r); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, ErrNameTaken):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if list, err := w.List(t.Context(), w.tenant); won.Load() != 1 || err != nil || len(list) != 1 {
		t.Errorf("%d succeeded, the list is %v, %v", won.Load(), list, err)
	}
}

// The client sends a command again if its answer got lost.
func (on suite) testRepeatedCalls(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb)
	r := w.channel("a")
	for range 2 {
		if err := w.Create(ctx, r); err != nil {
			t.Errorf("Create: %v", err)
		}
	}
	r.Revision, r.Name = 1, "b"
	for range 2 {
		if err := w.Update(ctx, r); err != nil {
			t.Errorf("Update: %v", err)
		}
	}
	if got := w.get(r.ID); got.Revision != 2 {
		t.Errorf("the channel is %+v", got)
	}
}

func (on suite) testTenantsAreApart(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	a, b := newWorld(t, rdb), newWorld(t, rdb)
	r := a.create("x")
	b.create("x")
	if _, err := b.Get(ctx, b.tenant, r.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get of another tenant's: %v", err)
	}
	if err := b.Delete(ctx, b.tenant, r.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("Delete of another tenant's: %v", err)
	}
	if changed, err := b.Disable(ctx, b.tenant, r.ID, ever, "x"); changed || err != nil {
		t.Errorf("Disable of another tenant's: %v, %v", changed, err)
	}
	same(t, "the channel", a.get(r.ID), r)
}

func (on suite) testUnreadable(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	for _, tt := range []struct {
		name, text string
		want       error
	}{
		{"no JSON", "x", ErrDamaged},
		{"a rate of no sort", `{"v":1,"revision":1,"name":"a","channel_type":"fake","enabled":true,"rate_limit":"fast"}`, ErrDamaged},
		{"a field of another type", `{"v":2,"revision":1,"name":"a","channel_type":"fake","enabled":"yes"}`, ErrDamaged},
		{"no layout", `{"revision":1,"name":"a","channel_type":"fake","enabled":true}`, ErrDamaged},
		{"a layout before the first", `{"v":-1,"revision":1,"name":"a","channel_type":"fake","enabled":true}`, ErrDamaged},
		{"a layout of no sort", `{"v":"3","revision":1,"name":"a","channel_type":"fake","enabled":true}`, ErrDamaged},
		{"a later version", `{"v":3,"revision":1,"name":"a","channel_type":"fake","enabled":true}`, ErrLaterLayout},
		{"a later version, with a rate of its own", `{"v":3,"revision":1,"name":"a","channel_type":"fake","enabled":true,"rate_limit":"fast"}`, ErrLaterLayout},
		{"a later version, with other fields", `{"created_at":7,"name":{},"rate_limit":[],"v":3}`, ErrLaterLayout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, rdb)
			r := w.create("a")
			other := w.create("b")
			rdb.HSet(ctx, channelsKey(w.tenant), r.ID, tt.text)
			if got, err := w.Get(ctx, w.tenant, r.ID); !onlyIs(err, tt.want) || !strings.Contains(err.Error(), r.ID) {
				t.Errorf("Get = %+v, %v; want %v and the channel's id", got, err, tt.want)
			}
			if changed, err := w.Enable(ctx, w.tenant, r.ID); changed || !onlyIs(err, tt.want) {
				t.Errorf("Enable = %v, %v; want %v", changed, err, tt.want)
			}
			list, err := w.List(ctx, w.tenant)
			if err != nil || len(list) != 2 {
				t.Fatalf("List = %+v, %v", list, err)
			}
			for _, got := range list {
				switch {
				case got.ID == other.ID:
					same(t, "the other channel", got, other)
				case got.ID != r.ID || got.TenantID != w.tenant || !onlyIs(got.ConfigErr, tt.want):
					t.Errorf("listed as %+v, want %s with %v", got, r.ID, tt.want)
				}
			}
			if got := rdb.HGet(ctx, channelsKey(w.tenant), r.ID).Val(); got != tt.text {
				t.Errorf("the record is %s, was %s", got, tt.text)
			}
			if err := w.Delete(ctx, w.tenant, r.ID); err != nil {
				t.Errorf("Delete: %v", err)
			}
			w.create("a")
		})
	}
}

// onlyIs reports whether err is want and nothing else that the store says.
func onlyIs(err, want error) bool {
	for _, e := range []error{ErrNotFound, ErrNameTaken, ErrConflict, ErrLaterLayout, ErrDamaged} {
		if errors.Is(err, e) != errors.Is(want, e) {
			return false
		}
	}
	return true
}

func (on suite) testRevisions(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb)
	r := w.channel("a")
	fileID := channel.FileID(w.tenant, "f")
	steps := []struct {
		name  string
		moves bool
		do    func() error
	}{
		{"create", true, func() error { return w.Create(ctx, r) }},
		{"create again", false, func() error { return w.Create(ctx, r) }},
		{"create another of the name", false, func() error { return expect(w.Create(ctx, w.channel("a")), ErrNameTaken) }},
		{"get", false, func() error { _, err := w.Get(ctx, w.tenant, r.ID); return err }},
		{"update", true, func() error { return w.Update(ctx, w.get(r.ID)) }},
		{"update of old", false, func() error {
			r := w.get(r.ID)
			r.Revision--
			r.Name = "b"
			return expect(w.Update(ctx, r), ErrConflict)
		}},
		{"disable", true, func() error { return changed(true)(w.Disable(ctx, w.tenant, r.ID, ever, "x")) }},
		{"disable again", false, func() error { return changed(false)(w.Disable(ctx, w.tenant, r.ID, ever, "y")) }},
		{"enable", true, func() error { return changed(true)(w.Enable(ctx, w.tenant, r.ID)) }},
		{"enable again", false, func() error { return changed(false)(w.Enable(ctx, w.tenant, r.ID)) }},
		{"disable the file's", true, func() error { return changed(true)(w.Disable(ctx, w.tenant, fileID, ever, "x")) }},
		{"disable the file's again", false, func() error { return changed(false)(w.Disable(ctx, w.tenant, fileID, ever, "x")) }},
		{"enable the file's", true, func() error { return changed(true)(w.Enable(ctx, w.tenant, fileID)) }},
		{"enable the file's again", false, func() error { return changed(false)(w.Enable(ctx, w.tenant, fileID)) }},
		{"delete", true, func() error { return w.Delete(ctx, w.tenant, r.ID) }},
		{"delete again", false, func() error { return expect(w.Delete(ctx, w.tenant, r.ID), ErrNotFound) }},
	}
	before := ""
	for _, s := range steps {
		if err := s.do(); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		after, err := w.revision(ctx, w.tenant)
		if err != nil {
			t.Fatal(err)
		}
		if (after != before) != s.moves {
			t.Errorf("%s: revision %q to %q, want a move: %v", s.name, before, after, s.moves)
		}
		if len(after) < len(before) || len(after) == len(before) && after < before {
			t.Errorf("%s: the revision went back from %s to %s", s.name, before, after)
		}
		before = after
	}
}

// After changes were lost, other changes do not lead to a revision that
// somebody remembers.
func (on suite) testRevisionsDoNotReturn(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb)
	seen := map[string]bool{}
	for range 3 {
		for i := range 5 {
			w.create(fmt.Sprint(i))
			rev, err := w.revision(ctx, w.tenant)
			if err != nil || seen[rev] {
				t.Fatalf("revision %q, %v was there before", rev, err)
			}
			seen[rev] = true
		}
		for _, key := range []string{channelsKey(w.tenant), namesKey(w.tenant), revisionKey(w.tenant)} {
			rdb.Del(ctx, key)
		}
	}
	// And with a clock that was set back: one more than before.
	ahead := fmt.Sprint(time.Now().Add(time.Hour).UnixMicro())
	rdb.Set(ctx, revisionKey(w.tenant), ahead, 0)
	w.create("x")
	if rev, err := w.revision(ctx, w.tenant); err != nil || len(rev) != len(ahead) || rev <= ahead {
		t.Errorf("revision %q, %v after %q", rev, err, ahead)
	}
}

func expect(err, want error) error {
	if errors.Is(err, want) {
		return nil
	}
	return fmt.Errorf("got %w, want %w", err, want)
}

func changed(want bool) func(bool, error) error {
	return func(got bool, err error) error {
		if err == nil && got != want {
			return fmt.Errorf("changed: %v, want %v", got, want)
		}
		return err
	}
}

// What must not be shown is stored so that a version which would show it refuses
// the record, and nothing else is.
func (on suite) testLayoutOfRedacted(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t, on.rdb)
	r := w.create("a")
	for _, step := range []struct {
		rate   *ratelimit.Rate
		redact []string
		layout string
	}{
		{nil, nil, `{"v":1,`},
		{&ratelimit.Rate{N: 1, Per: time.Second}, nil, `{"v":1,`},
		{&ratelimit.Rate{N: 1, Per: time.Second}, []string{"raw"}, `{"v":2,`},
		{nil, []string{"raw"}, `{"v":2,`},
		{nil, []string{}, `{"v":1,`},
	} {
		r.RateLimit, r.Redact = step.rate, step.redact
		if err := w.Update(ctx, r); err != nil {
			t.Fatal(err)
		}
		r.Revision++
		if got := on.rdb.HGet(ctx, channelsKey(w.tenant), r.ID).Val(); !strings.HasPrefix(got, step.layout) {
			t.Errorf("%v, %v: %s, want %s", step.rate, step.redact, got, step.layout)
		}
		if got := w.get(r.ID); fmt.Sprint(got.Rate()) != fmt.Sprint(step.rate) || !slices.Equal(got.Redact, step.redact) {
			t.Errorf("%v, %v: read as %v, %v", step.rate, step.redact, got.Rate(), got.Redact)
		}
		if all := w.channels(w.directory(lock{}, noFile)); len(all) != 1 || !slices.Equal(all[0].Redact, step.redact) || all[0].ConfigErr != nil {
			t.Errorf("the worker's channel is %s", show(all))
		}
	}
}

// A record of a later version is not changed by who knows only this one.
func (on suite) testUpdateOfALaterVersion(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t, on.rdb)
	r := w.channel("later")
	if err := w.Create(ctx, r); err != nil {
		t.Fatal(err)
	}
	later := strings.Replace(on.rdb.HGet(ctx, channelsKey(w.tenant), r.ID).Val(), `"v":1`, `"v":3`, 1)
	on.rdb.HSet(ctx, channelsKey(w.tenant), r.ID, later)
	r.Revision = 1
	err := w.Update(ctx, r)
	if !onlyIs(err, ErrLaterLayout) || !strings.Contains(err.Error(), "a later layout than 2") {
		t.Errorf("Update: %v", err)
	}
	if got := on.rdb.HGet(ctx, channelsKey(w.tenant), r.ID).Val(); got != later {
		t.Errorf("the record is %s, was %s", got, later)
	}
}

func TestMeaning(t *testing.T) {
	if err := meaning("what no script says"); err == nil {
		t.Error("an answer that nobody knows is taken for success")
	}
}
