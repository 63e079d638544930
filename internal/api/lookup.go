package api

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"accessrelay/internal/channel"
	"accessrelay/internal/channelstore"
	"accessrelay/internal/problem"
)

func (a *api) getChannel(ctx context.Context, c call) (answer, error) {
	ch, err := a.channel(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: a.view(ch)}, nil
}

// channel finds the channel that the path names, the file's or the store's.
func (a *api) channel(ctx context.Context, c call) (channel.Channel, error) {
	id, err := channelID(c.id)
	if err != nil {
		return channel.Channel{}, err
	}
	if ch := a.fileChannel(c.tenantID, id); ch != nil {
		states, err := a.Channels.FileStates(ctx, c.tenantID)
		if err != nil {
			return channel.Channel{}, err
		}
		return withState(ch, states), nil
	}
	rec, err := a.Channels.Get(ctx, c.tenantID, id)
	return rec.Channel, err
}

// writable finds the channel that the path names if the API may change it.
func (a *api) writable(ctx context.Context, c call) (channelstore.Record, error) {
	id, err := a.writableID(c)
	if err != nil {
		return channelstore.Record{}, err
	}
	return a.Channels.Get(ctx, c.tenantID, id)
}

// writableID is the id that the path names, unless a channel of the file has it.
// Whether there is such a channel only the store knows.
func (a *api) writableID(c call) (string, error) {
	id, err := channelID(c.id)
	if err != nil {
		return "", err
	}
	if a.fileChannel(c.tenantID, id) != nil {
		return "", &fault{status: http.StatusConflict, code: "managed_by_file",
			message: "this channel stands in the configuration file and is changed there"}
	}
	return id, nil
}

// channelID is id as the stores write it. What is no UUID names no channel.
func channelID(id string) (string, error) {
	u, err := uuid.Parse(id)
	if err != nil || len(id) != len(u.String()) { // Parse takes other spellings too
		return "", noSuch("channel")
	}
	return u.String(), nil
}

func (a *api) fileChannel(tenantID, id string) *channel.Channel {
	for _, ch := range a.FileChannels(tenantID) {
		if ch.ID == id {
			return ch
		}
	}
	return nil
}

func (a *api) fileHas(tenantID, name string) bool {
	return slices.ContainsFunc(a.FileChannels(tenantID), func(ch *channel.Channel) bool { return ch.Name == name })
}

func nameTaken() *fault {
	return &fault{status: http.StatusConflict, code: "name_taken", message: "another channel of this tenant has this name"}
}

// withState returns a copy of a file's channel as it is now: the relay may have
// disabled it, which the file does not know.
func withState(ch *channel.Channel, states map[string]string) channel.Channel {
	out := *ch
	if reason, disabled := states[ch.ID]; disabled {
		out.Enabled, out.DisabledReason = false, reason
	}
	return out
}

// listChannels lists the file's channels by name, then the others in the order
// they were made.
func (a *api) listChannels(ctx context.Context, c call) (answer, error) {
	q := c.query
	limit := q.limit()
	var after place
	q.get("cursor", func(s string) string {
		var ok bool
		if after, ok = parsePlace(s); !ok {
			return badCursor
		}
		return ""
	})
	if err := q.err(); err != nil {
		return answer{}, err
	}

	all, err := a.channels(ctx, c.tenantID)
	if err != nil {
		return answer{}, err
	}
	slices.SortFunc(all, func(x, y channel.Channel) int { return placeOf(x).compare(placeOf(y)) })
	start, _ := slices.BinarySearchFunc(all, after, func(ch channel.Channel, p place) int {
		if placeOf(ch).compare(p) <= 0 { // the page begins behind p
			return -1
		}
		return 1
	})
	end := min(start+limit, len(all))
	page := page[channelView]{Data: []channelView{}}
	for _, ch := range all[start:end] {
		page.Data = append(page.Data, a.view(ch))
	}
	if end < len(all) {
		next := placeOf(all[end-1]).String()
		page.NextCursor = &next
	}
	return answer{status: http.StatusOK, body: page}, nil
}

// channels returns all of a tenant's channels that can be shown. A record that
// cannot be read is left out, and the log says so: half of it would pass for the
// whole, with filters or redacted paths that the channel does not have, and an
// item without them would be no channel to whoever reads the list by its
// description.
func (a *api) channels(ctx context.Context, tenantID string) ([]channel.Channel, error) {
	recs, err := a.Channels.List(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	var all []channel.Channel
	var unread []string
	var why error
	for _, r := range recs {
		if r.ConfigErr != nil {
			unread, why = append(unread, r.ID), cmp.Or(why, r.ConfigErr)
			continue
		}
		all = append(all, r.Channel)
	}
	if len(unread) > 0 {
		a.unread.WarnContext(ctx, "channels are left out of the list: their records cannot be read; upgrade ingest if a later version wrote them, or delete them",
			"tenant", tenantID, "channels", unread, "error", why, "request_id", problem.ID(ctx))
	}
	file := a.FileChannels(tenantID)
	if len(file) == 0 {
		return all, nil
	}
	states, err := a.Channels.FileStates(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	for _, ch := range file {
		all = append(all, withState(ch, states))
	}
	return all, nil
}

// place is where a channel stands in the list. It outlives the channel, so that
// a page goes on rightly when the last one shown was deleted. The zero place is
// before all.
type place struct {
	At  int64  `json:"t"` // when it was made, in nanoseconds; 0 for a file's
	Key string `json:"k"` // a file's: its name; else its id
}

func placeOf(ch channel.Channel) place {
	if ch.ManagedBy == channel.ManagedByFile {
		return place{Key: ch.Name}
	}
	return place{ch.CreatedAt.UnixNano(), ch.ID}
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.At, q.At), cmp.Compare(p.Key, q.Key))
}

func (p place) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("encoding a number and a string: %v", err))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parsePlace is the inverse of String.
func parsePlace(s string) (p place, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	ok = err == nil && json.Unmarshal(b, &p) == nil && p != place{}
	return p, ok
}
