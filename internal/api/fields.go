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
)

const (
	maxName    = 128 // characters
	maxFilters = 64  // more than there are types
)

// The keys of a channel that every type has.
const (
	keyName    = "name"
	keyType    = "channel_type"
	keyConfig  = "config"
	keyEnabled = "enabled"
	keyFilters = "event_filters"
)

// settings are what a create or an update says of a channel. nil is not said.
type settings struct {
	name    *string
	config  channel.Config
	enabled *bool
	filters []string
}

// fields reads a channel's fields and collects what is wrong with each.
type fields struct {
	body  object
	bad   map[string]string
	plain bool // an address may be plain http
}

// readCreate reads the body of a create: the type's own fields beside name, as
// JITSudo's guide has them, or under config.
func readCreate(body object, kind channel.Kind, plain bool) (settings, error) {
	f := &fields{body, map[string]string{}, plain}
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
func readUpdate(body object, kind channel.Kind, plain bool) (settings, error) {
	f := &fields{body, map[string]string{}, plain}
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
		case keyName, keyType, keyConfig, keyEnabled, keyFilters:
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
	if raw, ok := f.body[keyFilters]; ok {
		s.filters = f.filters(raw)
	}
	return s
}

func (f *fields) filters(raw json.RawMessage) []string {
	filters := []string{}
	if !read(raw, &filters) {
		f.bad[keyFilters] = "must be a list of event types; [] means all"
		return nil
	}
	if len(filters) > maxFilters {
		f.bad[keyFilters] = fmt.Sprintf("must have at most %d entries", maxFilters)
		return nil
	}
	for i, filter := range filters {
		if err := event.CheckFilter(filter); err != nil {
			f.bad[fmt.Sprintf("%s[%d]", keyFilters, i)] = err.Error()
		}
	}
	return filters
}

// config has the kind read raw; prefix is where raw's keys stand in the body.
func (f *fields) config(kind channel.Kind, raw json.RawMessage, prefix string) channel.Config {
	if !bytes.HasPrefix(raw, []byte("{")) {
		f.bad[keyConfig] = "must be an object"
		return nil
	}
	cfg, err := kind.Parse(raw)
	var wrong *channel.InvalidError
	switch {
	case err == nil:
		if !f.plain && reachedInPlain(cfg) {
			f.bad[prefix+"url"] = "must be https; http reaches only what the operator's delivery.allow_networks admits, which is nothing"
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

// reachedInPlain reports whether cfg's address is an http URL.
func reachedInPlain(cfg channel.Config) bool {
	var c struct{ URL string }
	return json.Unmarshal(cfg.Reveal(), &c) == nil && len(c.URL) >= 5 && strings.EqualFold(c.URL[:5], "http:")
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
