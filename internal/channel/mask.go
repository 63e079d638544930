package channel

import (
	"bytes"
	"encoding/json"
)

// MaskObject returns config with the value of every key replaced by what show
// makes of it; a nil show, or one that a key lacks, hides the value entirely.
// Anything but an object becomes {}: nothing of it is shown.
func MaskObject(config json.RawMessage, show map[string]func(json.RawMessage) any) json.RawMessage {
	members, err := readMembers(config)
	if err != nil {
		return json.RawMessage("{}")
	}
	masked := map[string]any{}
	for _, m := range members {
		masked[m.key] = Mask
		if f := show[m.key]; f != nil {
			masked[m.key] = f(m.value)
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // people read their templates there
	if err := enc.Encode(masked); err != nil {
		return json.RawMessage("{}")
	}
	return bytes.TrimSpace(out.Bytes())
}

// ShowURL is for MaskObject: the scheme and host of a URL.
func ShowURL(value json.RawMessage) any {
	s, ok := readString(value)
	if !ok {
		return Mask
	}
	return MaskURL(s)
}

// ShowKeys is for MaskObject: the keys of an object, each value hidden.
func ShowKeys(value json.RawMessage) any {
	members, err := readMembers(value)
	if err != nil {
		return Mask
	}
	out := map[string]string{}
	for _, m := range members {
		out[m.key] = Mask
	}
	return out
}
