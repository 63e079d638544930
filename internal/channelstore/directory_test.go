package channelstore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/channel"
	"accessrelay/internal/redistest"
	"accessrelay/internal/secret"
)

func noFile(string) []*channel.Channel { return nil }

func (w *world) directory(o Opener, file func(string) []*channel.Channel) *Directory {
	return NewDirectory(w.Store, o, kinds, file)
}

// channels is what the directory says, by name.
func (w *world) channels(d *Directory) []*channel.Channel {
	w.t.Helper()
	all, err := d.Channels(w.t.Context(), w.tenant)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// show writes channels as name=config or name!error, with a minus if disabled.
func show(all []*channel.Channel) string {
	var out []string
	for _, ch := range all {
		s := ch.Name
		if !ch.Enabled {
			s = "-" + s
		}
		if ch.ConfigErr != nil {
			s += "!" + ch.ConfigErr.Error()
		} else if ch.Config != nil {
			s += "=" + string(ch.Config.(fakeConfig))
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func (on suite) testDirectory(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb)
	var opens []string
	d := w.directory(lock{&opens}, noFile)
	commands := &wire{tenant: w.tenant}
	rdb.AddHook(commands)
	expect := func(step, want string, opened int) {
		t.Helper()
		if got := show(w.channels(d)); got != want {
			t.Errorf("%s: %s, want %s", step, got, want)
		}
		if len(opens) != opened {
			t.Errorf("%s: %d configs were opened, want %d", step, len(opens), opened)
		}
		opens = nil
		commands.take()
		if got := show(w.channels(d)); got != want {
			t.Errorf("%s, asked again: %s, want %s", step, got, want)
		}
		if sent := commands.take(); !slices.Equal(sent, []string{"get"}) || len(opens) != 0 {
			t.Errorf("%s, asked again: sent %v, opened %d", step, sent, len(opens))
		}
	}
	expect("nothing", "", 0)
	a := w.create("a")
	expect("one", "a=a", 1)
	b := w.channel("b")
	b.CreatedAt = a.CreatedAt.Add(time.Millisecond)
	if err := w.Create(ctx, b); err != nil {
		t.Fatal(err)
	}
	expect("two", "a=a b=b", 1)
	a.Name = "A"
	if err := w.Update(ctx, a); err != nil {
		t.Fatal(err)
	}
	expect("renamed: the config is the same", "A=a b=b", 0)
	a = w.seal(w.get(a.ID), "new")
	if err := w.Update(ctx, a); err != nil {
		t.Fatal(err)
	}
	expect("another config", "A=new b=b", 1)
	if _, err := w.Disable(ctx, w.tenant, b.ID, ever, "410 Gone"); err != nil {
		t.Fatal(err)
	}
	expect("disabled", "A=new -b=b", 0)
	a = w.get(a.ID)
	a.Type = "pager" // by somebody who writes to Redis: the API never changes it
	if err := w.Update(ctx, a); err != nil {
		t.Fatal(err)
	}
	expect("another type", fmt.Sprintf("A!channel %s: this version does not know the channel type %q -b=b", a.ID, "pager"), 0)
	if err := w.Delete(ctx, w.tenant, a.ID); err != nil {
		t.Fatal(err)
	}
	expect("deleted", "-b=b", 0)
	if got := w.channels(d)[0]; got.ID != b.ID || got.TenantID != w.tenant || got.DisabledReason != "410 Gone" || got.ManagedBy != channel.ManagedByAPI {
		t.Errorf("the channel is %+v", got)
	}
}

func (on suite) testDirectoryAtOnce(t *testing.T) {
	rdb := on.rdb
	w := newWorld(t, rdb)
	w.create("a")
	var opens []string // no lock needed: one reads for all
	d := w.directory(lock{&opens}, noFile)
	commands := &wire{tenant: w.tenant}
	rdb.AddHook(commands)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if all, err := d.Channels(t.Context(), w.tenant); err != nil || show(all) != "a=a" {
				t.Errorf("Channels = %s, %v", show(all), err)
			}
		})
	}
	wg.Wait()
	reads := 0
	for _, name := range commands.take() {
		if name == "evalsha" {
			reads++
		}
	}
	if reads != 1 || len(opens) != 1 {
		t.Errorf("%d reads, %d opens", reads, len(opens))
	}

	// Changes and questions side by side: whoever asks after a change sees it.
	for i := range 8 {
		wg.Go(func() {
			r := w.create(fmt.Sprint("c", i))
			all, err := d.Channels(t.Context(), w.tenant)
			if err != nil || !slices.ContainsFunc(all, func(ch *channel.Channel) bool { return ch.ID == r.ID }) {
				t.Errorf("%s is not in %s, %v", r.Name, show(all), err)
			}
		})
	}
	wg.Wait()

	// Whoever has no time left does not wait for the others.
	tenant := d.tenant(w.tenant)
	tenant.turn <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := d.Channels(ctx, w.tenant); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Channels: %v", err)
	}
	<-tenant.turn
}

func (on suite) testDirectoryFile(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb)
	file := func(names ...string) (out []*channel.Channel) {
		for _, name := range names {
			out = append(out, &channel.Channel{
				ID: channel.FileID(w.tenant, name), TenantID: w.tenant, Name: name, Type: "fake", Enabled: name != "off",
				ManagedBy: channel.ManagedByFile, Config: fakeConfig("file"),
			})
		}
		return out
	}
	now := file("z", "a", "off")
	d := w.directory(nil, func(tenantID string) []*channel.Channel {
		if tenantID != w.tenant {
			return nil
		}
		return now
	})
	expect := func(step, want string) {
		t.Helper()
		for range 2 {
			if got := show(w.channels(d)); got != want {
				t.Errorf("%s: %s, want %s", step, got, want)
			}
		}
	}
	expect("in the file's order", "z=file a=file -off=file")
	for _, ch := range now {
		if _, err := w.Disable(ctx, w.tenant, ch.ID, ever, "410 Gone"); err != nil {
			t.Fatal(err)
		}
	}
	expect("disabled by the relay", "-z=file -a=file -off=file")
	all := w.channels(d)
	if all[0].DisabledReason != "410 Gone" || all[2].DisabledReason != "" {
		t.Errorf("reasons %q and %q: what the file has off is off for no reason of ours", all[0].DisabledReason, all[2].DisabledReason)
	}
	if !now[0].Enabled || now[0].DisabledReason != "" {
		t.Error("the file's own channel was changed")
	}
	commands := &wire{tenant: w.tenant}
	rdb.AddHook(commands)
	now = file("a", "new")
	expect("after a reload", "-a=file new=file")
	if sent := commands.take(); !slices.Equal(sent, []string{"get", "get"}) {
		t.Errorf("a reload of the file sends %v", sent)
	}
	if _, err := w.Enable(ctx, w.tenant, now[0].ID); err != nil {
		t.Fatal(err)
	}
	expect("enabled", "a=file new=file")

	r := w.channel("new") // the API made it before the file took the name
	if err := w.Create(ctx, r); err != nil {
		t.Fatal(err)
	}
	if all := w.channels(d); len(all) != 3 || all[1].Name != "new" || all[2].Name != "new" || all[2].ID != r.ID {
		t.Errorf("of one name: %s", show(all))
	}
	if all, err := d.Channels(ctx, newWorld(t, rdb).tenant); err != nil || len(all) != 0 {
		t.Errorf("of another tenant: %s, %v", show(all), err)
	}
}

// A channel that cannot be opened is listed, and says why without saying what.
func (on suite) testDirectoryBad(t *testing.T) {
	rdb := on.rdb
	const hidden = "s3cret"
	for _, tt := range []struct {
		name   string
		nobody bool // no opener
		change func(w *world, r *Record)
		raw    string
		want   string
	}{
		{name: "no identity", nobody: true, want: "ACCESSRELAY_SECRETS_IDENTITY_FILE"},
		{name: "unknown type", change: func(w *world, r *Record) { r.Type = "pager"; *r = w.seal(*r, hidden) }, want: `channel type "pager"`},
		{name: "not sealed", change: func(_ *world, r *Record) { r.Sealed = nil }, want: "not sealed by this lock"},
		{name: "sealed by another", change: func(_ *world, r *Record) { r.Sealed = []byte(hidden) }, want: "not sealed by this lock"},
		{name: "sealed is something else", change: func(_ *world, r *Record) { r.Sealed = flip([]byte("{" + hidden)) }, want: "is not a config"},
		{name: "sealed by a later version", change: func(_ *world, r *Record) { r.Sealed = flip([]byte(`{"v":2}`)) }, want: "layout 2"},
		{name: "config is no longer right", change: func(_ *world, r *Record) {
			r.Sealed = flip(fmt.Appendf(nil, `{"v":1,"tenant_id":%q,"channel_id":%q,"channel_type":"fake","config":{"a":%q}}`, r.TenantID, r.ID, hidden))
		}, want: "config: must be a string"},
		{name: "record is no JSON", raw: hidden, want: "decoding channel"},
		{name: "a rate of no sort", raw: `{"v":1,"name":"bad","channel_type":"fake","enabled":true,"rate_limit":"fast"}`, want: "its rate_limit must be a rate"},
		{name: "record of a later version", raw: `{"v":3,"name":"bad","channel_type":"fake","enabled":true}`, want: "layout 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, rdb)
			r := w.seal(w.channel("bad"), hidden)
			if tt.change != nil {
				tt.change(w, &r)
			}
			if err := w.Create(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if tt.raw != "" {
				rdb.HSet(t.Context(), channelsKey(w.tenant), r.ID, tt.raw)
			}
			good := w.create("good")
			var o Opener = lock{}
			if tt.nobody {
				o = nil
			}
			all := w.channels(w.directory(o, noFile))
			if len(all) != 2 {
				t.Fatalf("Channels = %s", show(all))
			}
			for _, ch := range all {
				switch {
				case ch.ID == good.ID && !tt.nobody:
					if ch.ConfigErr != nil {
						t.Errorf("the other channel: %v", ch.ConfigErr)
					}
				case ch.ConfigErr == nil || ch.Config != nil || !ch.Enabled || ch.TenantID != w.tenant:
					t.Errorf("the channel is %+v", ch)
				case !strings.Contains(ch.ConfigErr.Error(), tt.want) || !strings.Contains(ch.ConfigErr.Error(), ch.ID):
					t.Errorf("ConfigErr = %v; want the channel's id and %q", ch.ConfigErr, tt.want)
				case strings.Contains(ch.ConfigErr.Error(), hidden):
					t.Errorf("ConfigErr shows what is sealed: %v", ch.ConfigErr)
				}
			}
		})
	}
}

// Who can write to Redis, but not open anything, cannot use one channel's
// secret at another.
func (on suite) testDirectoryMovedSecret(t *testing.T) {
	rdb := on.rdb
	victim := newWorld(t, rdb)
	sealed := victim.create("victim").Sealed
	for _, tt := range []struct {
		name string
		move func(r *Record)
	}{
		{"to another tenant's channel", func(*Record) {}},
		{"to another tenant's channel of the same id", func(r *Record) {
			list, err := victim.List(t.Context(), victim.tenant)
			if err != nil {
				t.Fatal(err)
			}
			r.ID = list[0].ID
		}},
		{"to another channel of the tenant", func(r *Record) { r.TenantID = victim.tenant }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, rdb)
			r := w.channel("thief")
			tt.move(&r)
			r.Sealed = sealed
			if err := w.Create(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			all, err := w.directory(lock{}, noFile).Channels(t.Context(), r.TenantID)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(all, func(ch *channel.Channel) bool { return ch.Name == "thief" })
			if i < 0 || all[i].Config != nil || !errors.Is(all[i].ConfigErr, errMoved) {
				t.Errorf("Channels = %s", show(all))
			}
		})
	}
	t.Run("to another type", func(t *testing.T) {
		r := victim.create("typed")
		r.Type = "other"
		both := channel.Kinds{fake{}, renamed{}}
		if config, err := open(lock{}, both, r); !errors.Is(err, errMoved) {
			t.Errorf("open = %v, %v", config, err)
		}
	})
}

type renamed struct{ fake }

func (renamed) Type() string { return "other" }

func (on suite) testDirectoryRealSeals(t *testing.T) {
	rdb := on.rdb
	file, recipient, err := secret.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := secret.NewSealer(recipient)
	if err != nil {
		t.Fatal(err)
	}
	opener, err := secret.NewOpener(strings.NewReader(string(file)))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, rdb)
	r := w.channel("a")
	if r.Sealed, err = Seal(sealer, w.tenant, r.ID, r.Type, []byte(`"hook/s3cret"`)); err != nil {
		t.Fatal(err)
	}
	if err := w.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if text := rdb.HGet(t.Context(), channelsKey(w.tenant), r.ID).Val(); strings.Contains(text, "s3cret") {
		t.Error("the record shows the config")
	}
	if got := show(w.channels(w.directory(opener, noFile))); got != "a=hook/s3cret" {
		t.Errorf("Channels = %s", got)
	}
}

func TestSealRefusesWhatIsNoJSON(t *testing.T) {
	_, err := Seal(lock{}, "t", "c", "fake", []byte(`{"url":"s3cret`))
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("Seal: %v", err)
	}
}

// An old list might hold what was deleted, so without Redis there is none; and
// once it is back the list is read anew.
func TestDirectoryWithoutRedis(t *testing.T) {
	srv := redistest.Start(t)
	rdb := redis.NewClient(&redis.Options{Addr: srv.Addr(), MaxRetries: -1, DialerRetries: 1})
	defer func() { _ = rdb.Close() }()
	w := newWorld(t, rdb)
	w.create("a")
	d := w.directory(lock{}, noFile)
	before := w.channels(d)
	srv.Kill()
	if all, err := d.Channels(t.Context(), w.tenant); err == nil {
		t.Errorf("Channels = %s", show(all))
	}
	srv.Restart() // with nothing in it
	if all := w.channels(d); len(all) != 0 {
		t.Errorf("Channels = %s", show(all))
	}
	w.create("b")
	if got := show(w.channels(d)); got != "b=b" {
		t.Errorf("Channels = %s", got)
	}
	if len(before) != 1 || !reflect.DeepEqual(show(before), "a=a") {
		t.Errorf("the list that was given out has changed: %s", show(before))
	}
}

func BenchmarkChannels(b *testing.B) {
	rdb := redistest.Start(b).Client()
	d := NewDirectory(New(rdb), lock{}, kinds, noFile)
	for b.Loop() {
		if _, err := d.Channels(b.Context(), "t"); err != nil {
			b.Fatal(err)
		}
	}
}
