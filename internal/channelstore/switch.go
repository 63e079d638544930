package channelstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"accessrelay/internal/ack"
	"accessrelay/internal/channel"
)

// switchTries is how often a switch starts over because somebody changed the
// channel under it.
const switchTries = 20

// Disable turns off a channel, the API's or the file's, for a reason that
// answers show. It reports whether that changed anything: a channel that is off
// already stays as it is, so does one of the API's that was changed after asOf, and
// one that was deleted needs no switch.
func (s *Store) Disable(ctx context.Context, tenantID, channelID string, asOf time.Time, reason string) (changed bool, err error) {
	if reason == "" { // it tells the relay's switch from a person's
		return false, fmt.Errorf("disabling channel %s: no reason given", channelID)
	}
	if channel.IsFileID(channelID) {
		return s.switchFile(ctx, tenantID, channelID, reason)
	}
	return s.switchAPI(ctx, tenantID, channelID, func(r *Record) bool {
		if !r.Enabled || r.UpdatedAt.After(asOf) {
			return false
		}
		r.Enabled, r.DisabledReason = false, reason
		return true
	})
}

// Enable turns a channel on again that Disable has turned off. It reports
// whether that changed anything: a channel that a person disabled stays off.
func (s *Store) Enable(ctx context.Context, tenantID, channelID string) (changed bool, err error) {
	if channel.IsFileID(channelID) {
		return s.switchFile(ctx, tenantID, channelID, "")
	}
	return s.switchAPI(ctx, tenantID, channelID, func(r *Record) bool {
		if r.Enabled || r.DisabledReason == "" {
			return false
		}
		r.Enabled, r.DisabledReason = true, ""
		return true
	})
}

// switchAPI applies change to the API's channel unless change says that there is
// nothing to do.
func (s *Store) switchAPI(ctx context.Context, tenantID, id string, change func(*Record) bool) (bool, error) {
	for try := 1; ; try++ {
		r, err := s.Get(ctx, tenantID, id)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if !change(&r) {
			return false, nil
		}
		r.UpdatedAt = s.now().UTC().Truncate(time.Millisecond)
		err = s.Update(ctx, r)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, ErrNotFound):
			return false, nil
		case !errors.Is(err, ErrConflict) || try == switchTries:
			return false, err
		}
	}
}

func (s *Store) switchFile(ctx context.Context, tenantID, id, reason string) (bool, error) {
	keys := []string{disabledKey(tenantID), revisionKey(tenantID)}
	changed, err := switchScript.Run(ack.Required(ctx), s.rdb, keys, id, reason).Bool()
	if err != nil {
		return false, fmt.Errorf("switching channel %s: %w", id, err)
	}
	return changed, nil
}

// FileStates returns the file's channels that the relay has disabled: id to
// reason. A channel that left the file may still be among them.
func (s *Store) FileStates(ctx context.Context, tenantID string) (map[string]string, error) {
	states, err := s.rdb.HGetAll(ctx, disabledKey(tenantID)).Result()
	if err != nil {
		return nil, fmt.Errorf("reading disabled channels: %w", err)
	}
	return states, nil
}
