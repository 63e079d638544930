package channelstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/channel"
)

// Directory is the workers' list of channels: the file's and the API's, with
// their configs. It asks for a tenant's revision every time, so a change is seen
// by whoever asks after it was made, and reads and opens only what has changed.
// It is safe for concurrent use.
type Directory struct {
	store  *Store
	opener Opener
	kinds  channel.Kinds
	file   func(tenantID string) []*channel.Channel

	mu      sync.Mutex
	tenants map[string]*tenant
}

// NewDirectory returns a directory. file gives the file's channels as they are
// now; it must be cheap, and the channels must not change once they were given.
// A nil opener means that no identity is configured: the API's channels are
// listed and say so in their ConfigErr.
func NewDirectory(store *Store, opener Opener, kinds channel.Kinds, file func(tenantID string) []*channel.Channel) *Directory {
	return &Directory{store: store, opener: opener, kinds: kinds, file: file, tenants: map[string]*tenant{}}
}

// tenant is what the directory remembers of one tenant.
type tenant struct {
	// turn has room for one: whoever puts something in may work on the rest.
	// Unlike a mutex it can be waited for with a context.
	turn chan struct{}

	stored stored
	file   []*channel.Channel
	all    []*channel.Channel // the answer made of both
}

// stored is what Redis holds of a tenant, at one revision.
type stored struct {
	known    bool
	revision string
	channels []*channel.Channel
	disabled map[string]string // the file's channels: id to reason
	configs  map[string]opened // by channel id
}

// opened is what came of opening a channel's config.
type opened struct {
	sealed string
	typ    string
	config channel.Config
	err    error
}

// Channels returns the tenant's channels: the file's in its order, then the
// API's in the order they were made. A channel that cannot be opened is among
// them, with its ConfigErr. If the file took up a name that a channel of the API
// has, both are there. The caller must not change what it gets.
//
// When nothing has changed this costs one GET. While Redis does not answer there
// is an error and no list: an old one might hold what was deleted.
func (d *Directory) Channels(ctx context.Context, tenantID string) ([]*channel.Channel, error) {
	revision, err := d.store.revision(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	t := d.tenant(tenantID)
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the list of channels: %w", ctx.Err())
	}
	file := d.file(tenantID)
	fresh := t.stored.known && t.stored.revision == revision
	if fresh && slices.Equal(t.file, file) {
		return t.all, nil
	}
	if !fresh { // those who wait behind us have most likely seen the same revision
		if t.stored, err = d.read(ctx, tenantID, t.stored.configs); err != nil {
			return nil, err
		}
	}
	t.file = slices.Clone(file)
	t.all = slices.Concat(switched(file, t.stored.disabled), t.stored.channels)
	return t.all, nil
}

func (d *Directory) tenant(id string) *tenant {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.tenants[id]
	if t == nil {
		t = &tenant{turn: make(chan struct{}, 1)}
		d.tenants[id] = t
	}
	return t
}

// switched returns the file's channels as the relay has switched them.
func switched(file []*channel.Channel, disabled map[string]string) []*channel.Channel {
	out := make([]*channel.Channel, len(file))
	for i, ch := range file {
		out[i] = ch
		if reason, off := disabled[ch.ID]; off && ch.Enabled {
			c := *ch
			c.Enabled, c.DisabledReason = false, reason
			out[i] = &c
		}
	}
	return out
}

// revision returns "" for a tenant whose channels were never touched.
func (s *Store) revision(ctx context.Context, tenantID string) (string, error) {
	revision, err := s.rdb.Get(ctx, revisionKey(tenantID)).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("reading the revision of the channels: %w", err)
	}
	return revision, nil
}

// read reads what Redis holds, all of one moment. Configs that are already
// opened are not opened again.
func (d *Directory) read(ctx context.Context, tenantID string, already map[string]opened) (stored, error) {
	answer, err := readScript.Run(ctx, d.store.rdb, []string{revisionKey(tenantID), channelsKey(tenantID), disabledKey(tenantID)}).Slice()
	if err == nil && len(answer) != 3 {
		err = errors.New("the answer does not have three parts")
	}
	if err != nil {
		return stored{configs: already}, fmt.Errorf("reading channels: %w", err)
	}
	revision, _ := answer[0].(string)
	s := stored{known: true, revision: revision, disabled: textPairs(answer[2]), configs: map[string]opened{}}
	var list []Record
	for id, text := range textPairs(answer[1]) {
		r, err := decode(tenantID, id, text)
		if err != nil {
			// Nothing can be delivered to it, but what was meant for it must be
			// seen to fail: it stays on the list, whatever its record says.
			r.Enabled, r.ConfigErr = true, err
		} else {
			o, ok := already[id]
			if !ok || o.sealed != string(r.Sealed) || o.typ != r.Type {
				o = opened{sealed: string(r.Sealed), typ: r.Type}
				if o.config, o.err = open(d.opener, d.kinds, r); o.err != nil {
					o.err = fmt.Errorf("channel %s: %w", id, o.err)
				}
			}
			s.configs[id] = o
			r.Config, r.ConfigErr = o.config, o.err
			r.TypeRate = channel.DefaultRate(d.kinds.ByType(r.Type))
		}
		list = append(list, r)
	}
	slices.SortFunc(list, inOrder)
	for i := range list {
		s.channels = append(s.channels, &list[i].Channel)
	}
	return s, nil
}

// textPairs reads a hash as a script returns it: names and values in turn.
func textPairs(answer any) map[string]string {
	list, _ := answer.([]any)
	pairs := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		name, _ := list[i].(string)
		value, _ := list[i+1].(string)
		pairs[name] = value
	}
	return pairs
}
