package channelstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"accessrelay/internal/channel"
	"accessrelay/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestStore is the contract, on every Redis that the relay is run on.
func TestStore(t *testing.T) {
	for name, rdb := range redistest.Backends(t) {
		on := suite{rdb}
		t.Run(name, func(t *testing.T) {
			t.Run("create and read", on.testCreateAndRead)
			t.Run("list", on.testList)
			t.Run("update", on.testUpdate)
			t.Run("update at once", on.testUpdateAtOnce)
			t.Run("delete", on.testDelete)
			t.Run("names", on.testNames)
			t.Run("one name at once", on.testNameIsForOne)
			t.Run("repeated calls", on.testRepeatedCalls)
			t.Run("tenants are apart", on.testTenantsAreApart)
			t.Run("switch the API's", on.testSwitchAPI)
			t.Run("switch the file's", on.testSwitchFile)
			t.Run("switch under a change", on.testSwitchUnderAChange)
			t.Run("revisions", on.testRevisions)
			t.Run("revisions do not return", on.testRevisionsDoNotReturn)
			t.Run("unreadable", on.testUnreadable)
			t.Run("layout of redacted", on.testLayoutOfRedacted)
			t.Run("update of a later version", on.testUpdateOfALaterVersion)
			t.Run("directory", on.testDirectory)
			t.Run("directory at once", on.testDirectoryAtOnce)
			t.Run("directory, file", on.testDirectoryFile)
			t.Run("directory, what is bad", on.testDirectoryBad)
			t.Run("directory, moved secret", on.testDirectoryMovedSecret)
			t.Run("directory, real seals", on.testDirectoryRealSeals)
		})
	}
}

type suite struct{ rdb redis.UniversalClient } // on one of them

// world is a tenant of its own with its store.
type world struct {
	*Store
	t      *testing.T
	tenant string
}

func newWorld(t *testing.T, rdb redis.UniversalClient) *world {
	t.Helper()
	return &world{Store: New(rdb), t: t, tenant: uuid.NewString()}
}

// channel makes a record as the API does; its config is its name.
func (w *world) channel(name string) Record {
	w.t.Helper()
	at := time.Now().UTC().Truncate(time.Millisecond)
	r := Record{Channel: channel.Channel{
		ID: uuid.NewString(), TenantID: w.tenant, Name: name, Type: "fake", Enabled: true,
		Filters: []string{}, ManagedBy: channel.ManagedByAPI, CreatedAt: at, UpdatedAt: at,
		Masked: json.RawMessage(`{"url":"https://example.com/***?a&b"}`),
	}}
	return w.seal(r, name)
}

func (w *world) seal(r Record, config string) Record {
	w.t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		w.t.Fatal(err)
	}
	if r.Sealed, err = Seal(lock{}, r.TenantID, r.ID, r.Type, text); err != nil {
		w.t.Fatal(err)
	}
	return r
}

// create stores a channel and returns it as it is stored.
func (w *world) create(name string) Record {
	w.t.Helper()
	r := w.channel(name)
	if err := w.Create(w.t.Context(), r); err != nil {
		w.t.Fatal(err)
	}
	r.Revision = 1
	return r
}

func (w *world) get(id string) Record {
	w.t.Helper()
	r, err := w.Get(w.t.Context(), w.tenant, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// same fails the test unless two records are alike in every field.
func same(t *testing.T, what string, got, want Record) {
	t.Helper()
	g, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	w, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if string(g) != string(w) {
		t.Errorf("%s: %s\nwant %s", what, g, w)
	}
}

// lock is a Sealer and an Opener that only turns bytes around.
type lock struct {
	opened *[]string // what was opened, if anybody asks
}

func (lock) Seal(plain []byte) ([]byte, error) { return flip(plain), nil }

func (l lock) Open(sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != ^byte('{') {
		return nil, errors.New("not sealed by this lock")
	}
	if l.opened != nil {
		*l.opened = append(*l.opened, string(flip(sealed)))
	}
	return flip(sealed), nil
}

func flip(in []byte) []byte {
	out := bytes.Clone(in)
	for i := range out {
		out[i] = ^out[i]
	}
	return out
}

// fake is a Kind whose config is a JSON string.
type fake struct{}

type fakeConfig string

func (fake) Type() string                         { return "fake" }
func (fake) Slug() string                         { return "fake" }
func (fake) Mask(json.RawMessage) json.RawMessage { return json.RawMessage(`"***"`) }
func (c fakeConfig) Reveal() json.RawMessage      { return json.RawMessage(`"` + string(c) + `"`) }

func (fake) Parse(config json.RawMessage) (channel.Config, error) {
	var s string
	if err := json.Unmarshal(config, &s); err != nil {
		return nil, channel.Invalid("config", "must be a string")
	}
	return fakeConfig(s), nil
}

var kinds = channel.Kinds{fake{}}

// wire notes the commands that name a tenant.
type wire struct {
	tenant string
	mu     sync.Mutex
	sent   []string
}

func (h *wire) note(cmds ...redis.Cmder) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, cmd := range cmds {
		args, place := cmd.Args(), 1
		if cmd.Name() == "evalsha" { // script, number of keys, first key
			place = 3
		}
		if len(args) > place {
			if key, ok := args[place].(string); ok && strings.Contains(key, h.tenant) {
				h.sent = append(h.sent, cmd.Name())
			}
		}
	}
}

// take returns what was sent since it was last asked.
func (h *wire) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	sent := h.sent
	h.sent = nil
	return sent
}

func (h *wire) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *wire) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.note(cmd)
		return next(ctx, cmd)
	}
}

func (h *wire) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.note(cmds...)
		return next(ctx, cmds)
	}
}
