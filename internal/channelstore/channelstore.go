// Package channelstore keeps the channels that are made through the API, and
// which channels the relay has disabled. Configs are kept sealed: whoever writes
// here cannot read them.
package channelstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"accessrelay/internal/channel"
)

// What a store answers besides success.
var (
	ErrNotFound  = errors.New("no such channel")
	ErrNameTaken = errors.New("another channel of the tenant has this name")
	ErrConflict  = errors.New("the channel was changed meanwhile")
)

// Record is a channel as it is kept.
type Record struct {
	channel.Channel        // Config is nil
	Sealed          []byte // see [Seal]
	// Revision is the optimistic lock: Update succeeds if it is still that of
	// the stored record. Create and Update ignore it in what they store.
	Revision int64
}

// Store is safe for concurrent use.
type Store struct{ rdb redis.UniversalClient }

// New returns a Store on rdb, which stays the caller's.
func New(rdb redis.UniversalClient) *Store { return &Store{rdb} }

// create stores a new channel.
//
// KEYS[1] channels   KEYS[2] names   KEYS[3] revision
// ARGV[1] id   ARGV[2] name   ARGV[3] record as JSON
// Returns the revision, -1 if the name is taken, -2 if the id is.
var create = redis.NewScript(`
if redis.call("HEXISTS", KEYS[1], ARGV[1]) == 1 then return -2 end
if redis.call("HEXISTS", KEYS[2], ARGV[2]) == 1 then return -1 end
local rev = redis.call("INCR", KEYS[3])
redis.call("HSET", KEYS[1], ARGV[1], rev .. "|" .. ARGV[3])
redis.call("HSET", KEYS[2], ARGV[2], ARGV[1])
return rev
`)

// update replaces a channel, or removes it.
//
// KEYS[1] channels   KEYS[2] names   KEYS[3] revision
// ARGV[1] id   ARGV[2] the revision it must have, or "" for any
// ARGV[3] name   ARGV[4] record as JSON, or "" to remove it
// Returns the revision, -1 if the name is taken, -2 if the revision moved, -3 if there is no such channel.
var update = redis.NewScript(`
local stored = redis.call("HGET", KEYS[1], ARGV[1])
if not stored then return -3 end
local rev, record = string.match(stored, "^(%d+)|(.*)$")
if ARGV[2] ~= "" and rev ~= ARGV[2] then return -2 end
local old = cjson.decode(record)["name"]
if ARGV[4] ~= "" then
	local holder = redis.call("HGET", KEYS[2], ARGV[3])
	if holder and holder ~= ARGV[1] then return -1 end
end
local moved = redis.call("INCR", KEYS[3])
if redis.call("HGET", KEYS[2], old) == ARGV[1] then redis.call("HDEL", KEYS[2], old) end
if ARGV[4] == "" then
	redis.call("HDEL", KEYS[1], ARGV[1])
else
	redis.call("HSET", KEYS[1], ARGV[1], moved .. "|" .. ARGV[4])
	redis.call("HSET", KEYS[2], ARGV[3], ARGV[1])
end
return moved
`)

// mark notes that a file's channel is disabled, or no longer.
//
// KEYS[1] disabled   KEYS[2] revision
// ARGV[1] id   ARGV[2] reason, or "" for no longer
// Returns 1 if that changed anything.
var mark = redis.NewScript(`
local changed
if ARGV[2] == "" then
	changed = redis.call("HDEL", KEYS[1], ARGV[1])
else
	changed = redis.call("HSETNX", KEYS[1], ARGV[1], ARGV[2])
end
if changed == 1 then redis.call("INCR", KEYS[2]) end
return changed
`)

func keys(tenantID string) []string {
	return []string{channelsKey(tenantID), namesKey(tenantID), revisionKey(tenantID)}
}

// Create stores a new channel. It returns [ErrNameTaken], or [ErrConflict] if
// there is a channel of that id.
func (s *Store) Create(ctx context.Context, r Record) error {
	text, err := encode(r)
	if err != nil {
		return err
	}
	n, err := create.Run(ctx, s.rdb, keys(r.TenantID), r.ID, r.Name, text).Int()
	return result("creating channel", n, err)
}

// Update replaces the channel of r's id. It returns [ErrNotFound], [ErrConflict]
// if r.Revision is not the stored one's, or [ErrNameTaken].
func (s *Store) Update(ctx context.Context, r Record) error {
	text, err := encode(r)
	if err != nil {
		return err
	}
	n, err := update.Run(ctx, s.rdb, keys(r.TenantID), r.ID, r.Revision, r.Name, text).Int()
	return result("updating channel", n, err)
}

// Delete removes a channel. It returns [ErrNotFound].
func (s *Store) Delete(ctx context.Context, tenantID, id string) error {
	n, err := update.Run(ctx, s.rdb, keys(tenantID), id, "", "", "").Int()
	return result("deleting channel", n, err)
}

// result reads what the scripts return.
func result(doing string, n int, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if n >= 0 {
		return nil
	}
	return map[int]error{-1: ErrNameTaken, -2: ErrConflict, -3: ErrNotFound}[n]
}

// Get returns one channel, or [ErrNotFound].
func (s *Store) Get(ctx context.Context, tenantID, id string) (Record, error) {
	text, err := s.rdb.HGet(ctx, channelsKey(tenantID), id).Result()
	if errors.Is(err, redis.Nil) {
		return Record{}, ErrNotFound
	}
	if err != nil {
		return Record{}, fmt.Errorf("reading channel: %w", err)
	}
	return decode(tenantID, id, text)
}

// List returns the tenant's channels, oldest first.
func (s *Store) List(ctx context.Context, tenantID string) ([]Record, error) {
	all, err := s.rdb.HGetAll(ctx, channelsKey(tenantID)).Result()
	if err != nil {
		return nil, fmt.Errorf("listing channels: %w", err)
	}
	return decodeAll(tenantID, all)
}

func decodeAll(tenantID string, all map[string]string) ([]Record, error) {
	out := make([]Record, 0, len(all))
	for id, text := range all {
		r, err := decode(tenantID, id, text)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Record) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out, nil
}

// FileStates returns the file's channels that the relay has disabled: id to why.
func (s *Store) FileStates(ctx context.Context, tenantID string) (map[string]string, error) {
	states, err := s.rdb.HGetAll(ctx, disabledKey(tenantID)).Result()
	if err != nil {
		return nil, fmt.Errorf("reading disabled channels: %w", err)
	}
	return states, nil
}

// Disable turns off a channel of the API's or of the file for the given reason.
// It reports false if the channel was off already or is gone.
func (s *Store) Disable(ctx context.Context, tenantID, channelID, reason string) (bool, error) {
	return s.change(ctx, tenantID, channelID, reason, func(r *Record) bool {
		changed := r.Enabled
		r.Enabled, r.DisabledReason = false, reason
		return changed
	})
}

// Enable turns on a channel that the relay disabled. It reports false for one
// that is on, and for one that a person turned off.
func (s *Store) Enable(ctx context.Context, tenantID, channelID string) (bool, error) {
	return s.change(ctx, tenantID, channelID, "", func(r *Record) bool {
		changed := !r.Enabled && r.DisabledReason != ""
		r.Enabled, r.DisabledReason = true, ""
		return changed
	})
}

// change applies edit to a channel of the API's, as often as it takes, or marks
// one of the file's.
func (s *Store) change(ctx context.Context, tenantID, channelID, reason string, edit func(*Record) bool) (bool, error) {
	for {
		r, err := s.Get(ctx, tenantID, channelID)
		if errors.Is(err, ErrNotFound) {
			n, err := mark.Run(ctx, s.rdb, []string{disabledKey(tenantID), revisionKey(tenantID)}, channelID, reason).Int()
			if err != nil {
				return false, fmt.Errorf("marking channel: %w", err)
			}
			return n == 1, nil
		}
		if err != nil {
			return false, err
		}
		if !edit(&r) {
			return false, nil
		}
		r.UpdatedAt = time.Now().UTC().Truncate(time.Microsecond)
		switch err := s.Update(ctx, r); {
		case err == nil:
			return true, nil
		case !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound):
			return false, err
		}
	}
}

// FileChannelID names a channel of the file: the same at every start.
func FileChannelID(tenantID, name string) string {
	space, err := uuid.Parse(tenantID)
	if err != nil {
		space = uuid.NameSpaceOID
	}
	return uuid.NewSHA1(space, []byte("channel:"+name)).String()
}

// version is of the record's format. A record of a later one is not read.
const version = 1

type stored struct {
	Version        int             `json:"v"`
	Name           string          `json:"name"`
	Type           string          `json:"type"`
	Enabled        bool            `json:"enabled"`
	DisabledReason string          `json:"disabled_reason,omitempty"`
	Filters        []string        `json:"filters"`
	CreatedAt      time.Time       `json:"created_at"`
	UpdatedAt      time.Time       `json:"updated_at"`
	Masked         json.RawMessage `json:"masked"`
	Sealed         []byte          `json:"sealed"`
}

func encode(r Record) (string, error) {
	text, err := json.Marshal(stored{
		version, r.Name, r.Type, r.Enabled, r.DisabledReason, r.Filters, r.CreatedAt, r.UpdatedAt, r.Masked, r.Sealed,
	})
	if err != nil {
		return "", fmt.Errorf("encoding channel: %w", err)
	}
	return string(text), nil
}

func decode(tenantID, id, text string) (Record, error) {
	rev, body, _ := strings.Cut(text, "|")
	n, err := strconv.ParseInt(rev, 10, 64)
	if err != nil {
		return Record{}, fmt.Errorf("decoding channel %s: no revision", id)
	}
	var s stored
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		return Record{}, fmt.Errorf("decoding channel %s: %w", id, err)
	}
	if s.Version != version {
		return Record{}, fmt.Errorf("decoding channel %s: version %d is not known to this program", id, s.Version)
	}
	return Record{Revision: n, Sealed: s.Sealed, Channel: channel.Channel{
		ID: id, TenantID: tenantID, Name: s.Name, Type: s.Type, Enabled: s.Enabled, DisabledReason: s.DisabledReason,
		Filters: s.Filters, ManagedBy: channel.ManagedByAPI, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, Masked: s.Masked,
	}}, nil
}
