package channelstore

import (
	"encoding/json"
	"errors"
	"fmt"

	"accessrelay/internal/channel"
)

// Sealer closes what only an [Opener] can open.
type Sealer interface {
	Seal(plain []byte) ([]byte, error)
}

// Opener opens what a [Sealer] closed. Its errors hold nothing of the content.
type Opener interface {
	Open(sealed []byte) ([]byte, error)
}

// sealedVersion is the layout of what is sealed.
const sealedVersion = 1

// envelope is what is sealed: the config and whose it is. Sealing alone would
// let anyone who can write to Redis put one channel's secret beside another's
// address; this way a config is of use at its own channel only.
type envelope struct {
	Version   int             `json:"v"`
	TenantID  string          `json:"tenant_id"`
	ChannelID string          `json:"channel_id"`
	Type      string          `json:"channel_type"`
	Config    json.RawMessage `json:"config"`
}

// Seal closes a channel's config, secrets in the clear, for [Record.Sealed].
// The whole config is sealed, the address with the secrets that are meant for it.
func Seal(s Sealer, tenantID, channelID, channelType string, config json.RawMessage) ([]byte, error) {
	plain, err := json.Marshal(envelope{sealedVersion, tenantID, channelID, channelType, config})
	if err != nil { // its text quotes the config
		return nil, fmt.Errorf("sealing config of channel %s: it is not JSON", channelID)
	}
	sealed, err := s.Seal(plain)
	if err != nil {
		return nil, fmt.Errorf("sealing config of channel %s: %w", channelID, err)
	}
	return sealed, nil
}

var (
	errNoOpener = errors.New("the setting ACCESSRELAY_SECRETS_IDENTITY_FILE (--secrets-identity-file) is missing, without which no config can be opened")
	errMoved    = errors.New("its config was sealed for another channel")
)

// open opens the config of r, a channel of one of kinds. Errors hold nothing of it.
func open(o Opener, kinds channel.Kinds, r Record) (channel.Config, error) {
	if o == nil {
		return nil, errNoOpener
	}
	kind := kinds.ByType(r.Type)
	if kind == nil {
		return nil, fmt.Errorf("this version does not know the channel type %q", r.Type)
	}
	plain, err := o.Open(r.Sealed)
	if err != nil {
		return nil, fmt.Errorf("opening its config: %w", err)
	}
	var e envelope
	if err := json.Unmarshal(plain, &e); err != nil { // its text quotes the config
		return nil, errors.New("opening its config: what was sealed is not a config")
	}
	switch {
	case e.Version != sealedVersion:
		return nil, fmt.Errorf("opening its config: it has layout %d, this version reads %d", e.Version, sealedVersion)
	case e.TenantID != r.TenantID || e.ChannelID != r.ID || e.Type != r.Type:
		return nil, errMoved
	}
	config, err := kind.Parse(e.Config)
	if err != nil {
		return nil, fmt.Errorf("reading its config: %w", err)
	}
	return config, nil
}
