package channelstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/ratelimit"
)

// The layouts of a record. A reader refuses what it does not know, so a record
// has the oldest layout that says all of it.
const (
	version = 1
	// redacted is that of a channel with paths to redact. A worker of a version
	// that knows only the first would not read them and show the channel what it
	// must not see; so it gets a record that it refuses.
	redacted = 2
	newest   = redacted
)

// Record is a channel as it is stored: without its config, which is sealed.
type Record struct {
	channel.Channel        // Config is nil, and ConfigErr but where List says otherwise
	Sealed          []byte // see [Seal]
	// Revision counts the record's changes, from 1. An update says which one it
	// was made to.
	Revision int64
}

// record is a Record's JSON. Whose it is says the place where it is found.
// update.lua reads name and revision.
type record struct {
	Version        int             `json:"v"`
	Revision       int64           `json:"revision"`
	Name           string          `json:"name"`
	Type           string          `json:"channel_type"`
	Enabled        bool            `json:"enabled"`
	DisabledReason string          `json:"disabled_reason,omitempty"`
	Filters        []string        `json:"event_filters"`
	RateLimit      string          `json:"rate_limit,omitempty"`
	Redact         []string        `json:"redact,omitempty"` // layout 2
	CreatedAt      time.Time       `json:"created_at"`
	UpdatedAt      time.Time       `json:"updated_at"`
	Masked         json.RawMessage `json:"masked,omitempty"`
	Sealed         []byte          `json:"sealed"`
}

func encode(r Record) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	layout, rate := version, ""
	if len(r.Redact) > 0 {
		layout = redacted
	}
	if r.RateLimit != nil {
		rate = r.RateLimit.String()
	}
	err := enc.Encode(record{
		Version: layout, Revision: r.Revision, RateLimit: rate, Redact: r.Redact,
		Name: r.Name, Type: r.Type, Enabled: r.Enabled, DisabledReason: r.DisabledReason,
		Filters: append([]string{}, r.Filters...), CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
		Masked: r.Masked, Sealed: r.Sealed,
	})
	if err != nil {
		return "", fmt.Errorf("encoding channel %s: %w", r.ID, err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// decode reads a record. With an error, [ErrLaterLayout] or [ErrDamaged], it
// returns as much of the record as can be told, for those who must not lose sight
// of the channel.
func decode(tenantID, id, text string) (Record, error) {
	var in record
	err := json.Unmarshal([]byte(text), &in)
	if err != nil { // a later layout is known by v, whatever became of the rest
		var head struct {
			Version int `json:"v"`
		}
		if json.Unmarshal([]byte(text), &head) == nil {
			in.Version = head.Version
		}
	}
	var rate *ratelimit.Rate
	switch {
	case in.Version > newest:
		err = fmt.Errorf("channel %s: its record has layout %d, this version reads up to %d: %w", id, in.Version, newest, ErrLaterLayout)
	case err != nil:
		err = fmt.Errorf("decoding channel %s: %w: %w", id, ErrDamaged, err)
	case in.Version < version:
		err = fmt.Errorf("channel %s: %w: its layout is %d", id, ErrDamaged, in.Version)
	case in.RateLimit != "":
		r, bad := ratelimit.Parse(in.RateLimit)
		if bad != nil {
			err = fmt.Errorf("channel %s: %w: its rate_limit %w", id, ErrDamaged, bad)
		}
		rate = &r
	}
	return Record{
		Channel: channel.Channel{
			ID: id, TenantID: tenantID, Name: in.Name, Type: in.Type,
			Enabled: in.Enabled, DisabledReason: in.DisabledReason, Filters: append([]string{}, in.Filters...),
			RateLimit: rate, Redact: in.Redact,
			ManagedBy: channel.ManagedByAPI, CreatedAt: in.CreatedAt, UpdatedAt: in.UpdatedAt, Masked: in.Masked,
		},
		Sealed: in.Sealed, Revision: in.Revision,
	}, err
}
