package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/ratelimit"
)

const (
	maxName    = 128 // characters
	maxFilters = 64  // more than there are types
	maxRedact  = 64  // more than there are facts
)

// The keys of a channel that every type has.
const (
	keyName    = "name"
	keyType    = "channel_type"
	keyConfig  = "config"
	keyEnabled = "enabled"
	keyFilters = "event_filters"
	keyRate    = "rate_limit"
	keyRedact  = "redact"
)

// settings are what a create or an update says of a channel. nil is not said.
type settings struct {
	name    *string
	config  channel.Config
	enabled *bool
	filters []string
	redact  []string
	rate    *rate
}

// rate is what is said of the rate limit: one, or nil to go by the type's.
type rate struct{ limit *ratelimit.Rate }

// fields reads a channel's fields and collects what is wrong with each.
type fields struct {
	body  object
	bad   map[string]string
	admit func(channel.Config) *channel.InvalidError
}

// readCreate reads the body of a create: the type's own fields beside name, as
// JITSudo's guide has them, or under config.
func readCreate(body object, kind channel.Kind, admit func(channel.Config) *channel.InvalidError) (settings, error) {
	f := &fields{body, map[string]string{}, admit}
	s := f.common(kind)
	if _, ok := body[keyName]; !ok {
		f.bad[keyName] = "is required"
	}
	own := f.others()
	if _, nested := body[keyConfig]; nested {
		for k := range own {
			f.bad[k] = "is not a key of a channel; beside config no field of the type may stand"
		}
		s.config = f.config(kind, body[keyConfig], keyConfig+".")
	} else {
		raw, err := json.Marshal(own)
		if err != nil {
			return settings{}, fmt.Errorf("encoding config: %w", err)
		}
		s.config = f.config(kind, raw, "")
	}
	return s, f.err()
}

// readUpdate reads the body of an update: every field optional.
func readUpdate(body object, kind channel.Kind, admit func(channel.Config) *channel.InvalidError) (settings, error) {
	f := &fields{body, map[string]string{}, admit}
	s := f.common(kind)
	for k := range f.others() {
		f.bad[k] = "is not a key that an update takes"
	}
	if raw, ok := body[keyConfig]; ok {
		s.config = f.config(kind, raw, keyConfig+".")
	}
	return s, f.err()
}

// others returns the members of the body that not every type has.
func (f *fields) others() object {
	own := object{}
	for k, v := range f.body {
		switch k {
		case keyName, keyType, keyConfig, keyEnabled, keyFilters, keyRate, keyRedact:
		default:
			own[k] = v
		}
	}
	return own
}

func (f *fields) common(kind channel.Kind) settings {
	var s settings
	if raw, ok := f.body[keyType]; ok {
		var t string
		if !read(raw, &t) || t != kind.Type() {
			f.bad[keyType] = "must be " + kind.Type() + ": a channel's type is fixed"
		}
	}
	if raw, ok := f.body[keyName]; ok {
		var name string
		if !read(raw, &name) {
			f.bad[keyName] = "must be a string"
		} else if err := checkName(name); err != nil {
			f.bad[keyName] = err.Error()
		}
		s.name = &name
	}
	if raw, ok := f.body[keyEnabled]; ok {
		var enabled bool
		if !read(raw, &enabled) {
			f.bad[keyEnabled] = "must be true or false"
		}
		s.enabled = &enabled
	}
	s.filters = f.list(keyFilters, "must be a list of event types; [] means all", maxFilters, event.CheckFilter)
	s.redact = f.list(keyRedact, "must be a list of paths of the event; [] means that nothing is hidden", maxRedact, event.CheckRedact)
	if raw, ok := f.body[keyRate]; ok {
		s.rate = f.rate(raw)
	}
	return s
}

// list reads the list of words at key, nil if it is not said. kind says what it
// must be, check what is wrong with a word.
func (f *fields) list(key, kind string, most int, check func(string) error) []string {
	raw, ok := f.body[key]
	if !ok {
		return nil
	}
	words := []string{}
	if !read(raw, &words) {
		f.bad[key] = kind
		return nil
	}
	if len(words) > most {
		f.bad[key] = fmt.Sprintf("must have at most %d entries", most)
		return nil
	}
	for i, word := range words {
		if err := check(word); err != nil {
			f.bad[fmt.Sprintf("%s[%d]", key, i)] = err.Error()
		}
	}
	return words
}

// rate reads a rate limit. It is the one field that takes null: unlike a list it
// has no other word for "none of its own".
func (f *fields) rate(raw json.RawMessage) *rate {
	if string(raw) == "null" {
		return &rate{}
	}
	var text string
	if !read(raw, &text) {
		f.bad[keyRate] = "must be a string such as 1/s, or null for what channels of this type have"
		return nil
	}
	limit, err := ratelimit.Parse(text)
	if err != nil {
		f.bad[keyRate] = err.Error()
		return nil
	}
	return &rate{&limit}
}

// config has the kind read raw; prefix is where raw's keys stand in the body.
func (f *fields) config(kind channel.Kind, raw json.RawMessage, prefix string) channel.Config {
	if !bytes.HasPrefix(raw, []byte("{")) {
		f.bad[keyConfig] = "must be an object"
		return nil
	}
	defer func() { // whatever else is wrong with such a value, this is why
		for _, k := range withVariables(raw) {
			f.bad[prefix+k] = holdsVariable
		}
	}()
	cfg, err := kind.Parse(raw)
	var wrong *channel.InvalidError
	switch {
	case err == nil:
		if wrong := f.admit(cfg); wrong != nil {
			for k, what := range wrong.Fields {
				f.bad[prefix+k] = what
			}
		}
		return cfg
	case !errors.As(err, &wrong) || len(wrong.Fields) == 0:
		f.bad[keyConfig] = "is not a config of a " + kind.Slug() // err may quote a value
	default:
		for k, what := range wrong.Fields {
			if k == keyConfig { // the whole of it
				f.bad[keyConfig] = what
				continue
			}
			f.bad[prefix+k] = what
		}
	}
	return nil
}

// err is a *fault that names every wrong field, or nil.
func (f *fields) err() error {
	if len(f.bad) == 0 {
		return nil
	}
	return invalid(f.bad)
}

// read decodes raw into v. Unlike encoding/json it takes no null: whether that
// means "not said" or "nothing" is anybody's guess.
func read(raw json.RawMessage, v any) bool {
	return string(raw) != "null" && json.Unmarshal(raw, v) == nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("must not be empty")
	case utf8.RuneCountInString(name) > maxName:
		return fmt.Errorf("must have at most %d characters", maxName)
	case strings.TrimSpace(name) != name:
		return errors.New("must not begin or end with a space")
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("must have printable characters only")
	}
	return nil
}
