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
	redistest.Backends(t, func(t *testing.T, rdb redis.UniversalClient) {
		for name, test := range map[string]func(*testing.T, redis.UniversalClient){
			"create and read":         testCreateAndRead,
			"list":                    testList,
			"update":                  testUpdate,
			"update at once":          testUpdateAtOnce,
			"delete":                  testDelete,
			"names":                   testNames,
			"one name at once":        testNameIsForOne,
			"repeated calls":          testRepeatedCalls,
			"tenants are apart":       testTenantsAreApart,
			"switch the API's":        testSwitchAPI,
			"switch the file's":       testSwitchFile,
			"switch under a change":   testSwitchUnderAChange,
			"revisions":               testRevisions,
			"revisions do not return": testRevisionsDoNotReturn,
			"unreadable":              testUnreadable,
			"directory":               testDirectory,
			"directory at once":       testDirectoryAtOnce,
			"directory, file":         testDirectoryFile,
			"directory, what is bad":  testDirectoryBad,
			"directory, moved secret": testDirectoryMovedSecret,
			"directory, real seals":   testDirectoryRealSeals,
		} {
			t.Run(name, func(t *testing.T) { test(t, rdb) })
		}
	})
}

// world is a tenant of its own with its store.
type world struct {
	*Store
	t      *testing.T
	tenant string
}

func newWorld(t *testing.T, rdb redis.UniversalClient) *world {
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
		if args := cmd.Args(); len(args) > 1 {
			if key, ok := args[1].(string); ok && strings.Contains(key, h.tenant) {
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
