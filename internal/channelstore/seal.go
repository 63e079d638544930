package channelstore

import (
	"encoding/json"
	"errors"
	"fmt"

	"accessrelay/internal/channel"
)

// Sealer closes a text so that only an [Opener] can read it.
type Sealer interface {
	Seal(plain []byte) ([]byte, error)
}

// Opener is the other half of a [Sealer].
type Opener interface {
	Open(sealed []byte) ([]byte, error)
}

// sealed is what is inside. It says whose config this is, so that nobody who
// can write to Redis can have a secret sent to an address of theirs.
type sealed struct {
	TenantID  string          `json:"tenant_id"`
	ChannelID string          `json:"channel_id"`
	Type      string          `json:"type"`
	Config    json.RawMessage `json:"config"`
}

// Seal closes a channel's config together with whose it is.
func Seal(s Sealer, tenantID, channelID, channelType string, config json.RawMessage) ([]byte, error) {
	plain, err := json.Marshal(sealed{tenantID, channelID, channelType, config})
	if err != nil {
		return nil, fmt.Errorf("encoding config: %w", err)
	}
	out, err := s.Seal(plain)
	if err != nil {
		return nil, fmt.Errorf("sealing config: %w", err)
	}
	return out, nil
}

// open is the inverse of [Seal]. Its errors hold nothing of the config.
func open(o Opener, kinds channel.Kinds, r Record) (channel.Config, error) {
	if o == nil {
		return nil, errors.New("this worker has no ACCESSRELAY_SECRETS_IDENTITY_FILE")
	}
	kind := kinds.ByType(r.Type)
	if kind == nil {
		return nil, fmt.Errorf("this worker does not know channels of type %s", r.Type)
	}
	plain, err := o.Open(r.Sealed)
	if err != nil {
		return nil, fmt.Errorf("opening config: %w", err)
	}
	var in sealed
	if err := json.Unmarshal(plain, &in); err != nil {
		return nil, errors.New("opening config: what was sealed is not a config")
	}
	if in.TenantID != r.TenantID || in.ChannelID != r.ID || in.Type != r.Type {
		return nil, errors.New("the sealed config belongs to another channel")
	}
	config, err := kind.Parse(in.Config)
	if err != nil {
		return nil, fmt.Errorf("reading config: %w", err)
	}
	return config, nil
}
