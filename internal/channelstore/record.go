package channelstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"accessrelay/internal/channel"
)

// version is the layout of a record. A reader refuses any other.
const version = 1

// Record is a channel as it is stored: without its config, which is sealed.
type Record struct {
	channel.Channel        // Config and ConfigErr are nil
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
	CreatedAt      time.Time       `json:"created_at"`
	UpdatedAt      time.Time       `json:"updated_at"`
	Masked         json.RawMessage `json:"masked,omitempty"`
	Sealed         []byte          `json:"sealed"`
}

func encode(r Record) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(record{
		Version: version, Revision: r.Revision,
		Name: r.Name, Type: r.Type, Enabled: r.Enabled, DisabledReason: r.DisabledReason,
		Filters: append([]string{}, r.Filters...), CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
		Masked: r.Masked, Sealed: r.Sealed,
	})
	if err != nil {
		return "", fmt.Errorf("encoding channel %s: %w", r.ID, err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// decode reads a record. With an error it returns as much of the record as can
// be told, for those who must not lose sight of the channel.
func decode(tenantID, id, text string) (Record, error) {
	var in record
	err := json.Unmarshal([]byte(text), &in)
	switch {
	case err != nil:
		err = fmt.Errorf("decoding channel %s: %w", id, err)
	case in.Version != version:
		err = fmt.Errorf("channel %s: its record has layout %d, this version reads %d", id, in.Version, version)
	}
	return Record{
		Channel: channel.Channel{
			ID: id, TenantID: tenantID, Name: in.Name, Type: in.Type,
			Enabled: in.Enabled, DisabledReason: in.DisabledReason, Filters: append([]string{}, in.Filters...),
			ManagedBy: channel.ManagedByAPI, CreatedAt: in.CreatedAt, UpdatedAt: in.UpdatedAt, Masked: in.Masked,
		},
		Sealed: in.Sealed, Revision: in.Revision,
	}, err
}
