package channelstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/channel"
)

// Directory lists a tenant's channels, the file's and the API's, as a worker
// needs them: opened, and as they are at the moment of the question. While
// nothing has changed a question costs one GET. It is safe for concurrent use.
type Directory struct {
	store  *Store
	opener Opener
	kinds  channel.Kinds
	file   func(tenantID string) []*channel.Channel

	mu      sync.Mutex // held while a tenant is read again
	tenants sync.Map   // tenant id to *listing
}

// listing is what was read at a revision.
type listing struct {
	revision int64
	file     []*channel.Channel // as it was: a reload brings another slice
	channels []*channel.Channel
	opened   map[string]opened // by channel id
}

type opened struct {
	revision int64
	config   channel.Config
	err      error
}

// NewDirectory returns a Directory on store. A nil opener leaves the API's
// channels without a config; file returns the file's channels of a tenant.
func NewDirectory(store *Store, opener Opener, kinds channel.Kinds, file func(tenantID string) []*channel.Channel) *Directory {
	return &Directory{store: store, opener: opener, kinds: kinds, file: file}
}

// Channels returns all channels of the tenant. They are shared and must not be
// changed.
func (d *Directory) Channels(ctx context.Context, tenantID string) ([]*channel.Channel, error) {
	revision, err := d.revision(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	file := d.file(tenantID)
	if l := d.cached(tenantID); l.serves(revision, file) {
		return l.channels, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.cached(tenantID)
	if l.serves(revision, file) { // somebody was faster
		return l.channels, nil
	}
	next, err := d.read(ctx, tenantID, file, l)
	if err != nil {
		return nil, err
	}
	d.tenants.Store(tenantID, next)
	return next.channels, nil
}

func (d *Directory) cached(tenantID string) *listing {
	l, _ := d.tenants.Load(tenantID)
	out, _ := l.(*listing)
	return out
}

// serves reports whether l is what a reader would find now. Revisions are
// compared for equality: a Redis that lost its last writes counts from below.
func (l *listing) serves(revision int64, file []*channel.Channel) bool {
	return l != nil && l.revision == revision && len(l.file) == len(file) && (len(file) == 0 || &l.file[0] == &file[0])
}

func (d *Directory) revision(ctx context.Context, tenantID string) (int64, error) {
	text, err := d.store.rdb.Get(ctx, revisionKey(tenantID)).Result()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading the channels' revision: %w", err)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the channels' revision: %w", err)
	}
	return n, nil
}

// read lists the tenant anew. The revision is read first: if a change comes in
// between, the listing is newer than it says and will be read once more.
func (d *Directory) read(ctx context.Context, tenantID string, file []*channel.Channel, old *listing) (*listing, error) {
	revision, err := d.revision(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	disabled, err := d.store.FileStates(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	records, err := d.store.List(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	next := &listing{revision: revision, file: file, opened: map[string]opened{}}
	for _, ch := range file {
		if reason, ok := disabled[ch.ID]; ok {
			off := *ch
			off.Enabled, off.DisabledReason = false, reason
			ch = &off
		}
		next.channels = append(next.channels, ch)
	}
	for _, r := range records {
		o, ok := opened{}, false
		if old != nil {
			o, ok = old.opened[r.ID]
		}
		if !ok || o.revision != r.Revision {
			o = opened{revision: r.Revision}
			o.config, o.err = open(d.opener, d.kinds, r)
		}
		next.opened[r.ID] = o
		ch := r.Channel
		ch.Config, ch.ConfigErr = o.config, o.err
		next.channels = append(next.channels, &ch)
	}
	return next, nil
}
