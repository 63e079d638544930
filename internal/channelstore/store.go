// Package channelstore keeps the channels that are made through the API, which
// channels the relay itself has disabled, and for workers the list of all of a
// tenant's channels, opened and up to date ([Directory]).
//
// Every change is one script that also gives the tenant's channels a new
// revision, so that readers can tell by one GET whether anything has changed.
// Calls that are repeated, because an answer was lost, find their own work and
// succeed again; only a repeated Delete says [ErrNotFound].
//
// Changes are marked with [ack.Required]: a person who was told that a channel is
// changed relies on it, and so does a worker that was told of one that is off.
package channelstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/ack"
)

var (
	// ErrNotFound says that the API has made no such channel, or it was deleted.
	ErrNotFound = errors.New("no such channel")
	// ErrNameTaken says that another of the tenant's channels has the name.
	ErrNameTaken = errors.New("the name is taken")
	// ErrConflict says that the channel has changed since it was read.
	ErrConflict = errors.New("the channel has changed in the meantime")
	// ErrLaterLayout says that the record has a layout that this version does not
	// know. What it holds is not to be guessed at; it can be deleted.
	ErrLaterLayout = errors.New("written by a later version of accessrelay")
	// ErrDamaged says that no version can read the record. It can be deleted.
	ErrDamaged = errors.New("the record is damaged")
)

// Store keeps channels in Redis. It is safe for concurrent use.
type Store struct {
	rdb redis.UniversalClient
	now func() time.Time
}

// New returns a store.
func New(rdb redis.UniversalClient) *Store { return &Store{rdb: rdb, now: time.Now} }

// Create stores a new channel, with revision 1. The error is [ErrNameTaken], or
// [ErrConflict] if there is another channel of this id.
func (s *Store) Create(ctx context.Context, r Record) error {
	r.Revision = 1
	text, err := encode(r)
	if err != nil {
		return err
	}
	return s.run(ctx, "creating", createScript, r.TenantID, r.ID, r.Name, text)
}

// Get returns a channel, or [ErrNotFound], [ErrLaterLayout] or [ErrDamaged].
func (s *Store) Get(ctx context.Context, tenantID, id string) (Record, error) {
	text, err := s.rdb.HGet(ctx, channelsKey(tenantID), id).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return Record{}, fmt.Errorf("channel %s: %w", id, ErrNotFound)
	case err != nil:
		return Record{}, fmt.Errorf("reading channel %s: %w", id, err)
	}
	r, err := decode(tenantID, id, text)
	if err != nil {
		return Record{}, err // not half of it
	}
	return r, nil
}

// List returns the tenant's channels in the order they were made. One whose
// record cannot be read takes nothing from the others: it is among them, with
// [ErrLaterLayout] or [ErrDamaged] as its ConfigErr, and of the rest of it only
// the ids are sure.
func (s *Store) List(ctx context.Context, tenantID string) ([]Record, error) {
	all, err := s.rdb.HGetAll(ctx, channelsKey(tenantID)).Result()
	if err != nil {
		return nil, fmt.Errorf("reading channels: %w", err)
	}
	list := make([]Record, 0, len(all))
	for id, text := range all {
		r, err := decode(tenantID, id, text)
		r.ConfigErr = err
		list = append(list, r)
	}
	slices.SortFunc(list, inOrder)
	return list, nil
}

func inOrder(a, b Record) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
}

// Update replaces the record that has r's revision by r, whose revision is one
// more then. The error is [ErrNotFound], [ErrConflict] if the record has another
// revision, [ErrLaterLayout], or [ErrNameTaken].
func (s *Store) Update(ctx context.Context, r Record) error {
	before := r.Revision
	r.Revision++
	text, err := encode(r)
	if err != nil {
		return err
	}
	return s.run(ctx, "updating", updateScript, r.TenantID, r.ID, r.Name, text, before, newest)
}

// Delete removes a channel, or returns [ErrNotFound].
func (s *Store) Delete(ctx context.Context, tenantID, id string) error {
	return s.run(ctx, "deleting", deleteScript, tenantID, id)
}

// run runs a script over channels, names and revision.
func (s *Store) run(ctx context.Context, doing string, script *redis.Script, tenantID, id string, args ...any) error {
	keys := []string{channelsKey(tenantID), namesKey(tenantID), revisionKey(tenantID)}
	answer, err := script.Run(ack.Required(ctx), s.rdb, keys, append([]any{id}, args...)...).Text()
	if err == nil {
		err = meaning(answer)
	}
	if err != nil {
		return fmt.Errorf("%s channel %s: %w", doing, id, err)
	}
	return nil
}

// meaning is what a script's answer says.
func meaning(answer string) error {
	switch answer {
	case "ok":
		return nil
	case "missing":
		return ErrNotFound
	case "name":
		return ErrNameTaken
	case "conflict":
		return ErrConflict
	case "layout":
		return fmt.Errorf("its record has a later layout than %d, the last that this version knows: %w", newest, ErrLaterLayout)
	default:
		return fmt.Errorf("the script answered %q", answer)
	}
}
