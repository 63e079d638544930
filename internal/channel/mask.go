package channel

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

const maskedText = `holds the mask ` + Mask + `, which stands for a secret in answers; send the secret itself, or leave config out to keep it`

// isMask reports whether s is what answers show for a secret, or a number, a text
// or an entry that they do not show.
func isMask(s string) bool { return strings.TrimSpace(s) == Mask }

// urlHoldsMask reports whether u could be made of what [MaskURL] gives: a whole
// part of the path or the query is the mask, however it is encoded, or it is in
// the host, which has no asterisks.
func urlHoldsMask(u *url.URL) bool {
	parts := strings.FieldsFunc(u.RawQuery, func(r rune) bool { return strings.ContainsRune("&;=", r) })
	for i, p := range parts {
		if decoded, err := url.QueryUnescape(p); err == nil {
			parts[i] = decoded
		}
	}
	parts = append(parts, strings.Split(u.Path, "/")...)
	return strings.Contains(u.Host, Mask) || slices.ContainsFunc(parts, isMask)
}

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
