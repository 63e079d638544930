package relayctl

import (
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"accessrelay/internal/channel"
	"accessrelay/internal/safenet"
)

// configWarnings are those of the config of a channel of the file, which stands
// at key. allow is delivery.allow_networks. There are none where the config was
// not read because its secrets are the workers'.
func configWarnings(key string, ch *channel.Channel, allow []netip.Prefix) []warning {
	if ch.Config == nil {
		return nil
	}
	var config map[string]json.RawMessage
	if json.Unmarshal(ch.Config.Reveal(), &config) != nil {
		return nil
	}
	text := func(name string) string {
		var s string
		if json.Unmarshal(config[name], &s) != nil {
			return ""
		}
		return s
	}
	var out []warning
	for _, name := range []string{"url", "endpoint", "smtp_host"} {
		host, plain := text(name), text("tls") == "none"
		if name != "smtp_host" {
			u, err := url.Parse(host)
			if err != nil {
				continue
			}
			host, plain = u.Hostname(), strings.EqualFold(u.Scheme, "http")
		}
		if w := blockedFor(host, plain, allow); w != "" {
			out = append(out, warning{key + "." + name, w})
		}
	}
	for _, name := range []string{"body_template", "text_template", "subject_template"} {
		for _, path := range hiddenReads(text(name), ch.Redact) {
			out = append(out, warning{key + "." + name, "reads " + path + ", which redact takes out of the event: it is always absent"})
		}
	}
	return out
}

// blockedFor says why the guard opens no connection to host, an address, or nothing.
// Names are judged by what they resolve to when they are dialled, not here.
func blockedFor(host string, plain bool, allow []netip.Prefix) string {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	var blocked *safenet.BlockedError
	if !errors.As(safenet.Policy{Allow: allow, Operator: true}.Judge(addr, plain), &blocked) {
		return ""
	}
	if blocked.Plain {
		return "leads to a public address without encryption, which is for private ones: deliveries end dead with address_blocked"
	}
	return "has an address that no channel may reach, the operator's neither (" + blocked.Range + "): deliveries end dead with address_blocked, unless delivery.allow_networks admits it"
}

var (
	// templateTag is a tag with the backslash that makes a text of it, or a
	// comment, which may hold what looks like one.
	templateTag  = regexp.MustCompile(`(?s)\\?\{\{~?!--.*?--~?\}\}|\\?\{\{.*?\}\}`)
	templateText = regexp.MustCompile(`"[^"]*"|'[^']*'`)
	templatePath = regexp.MustCompile(`[A-Za-z_@.][\w.@/\[\]]*`)
)

// hiddenReads returns which of the paths that redact hides the template reads by
// their whole names. It goes by the text, for a warning may miss something: what
// a block reads from its own item ({{#each access}}{{resource.name}}) is not seen.
func hiddenReads(template string, redact []string) []string {
	hidden := slices.Clone(redact)
	if rawIsGone(redact) != "" {
		hidden = append(slices.DeleteFunc(hidden, isRaw), "raw")
	}
	read := map[string]bool{}
	for _, tag := range templateTag.FindAllString(template, -1) {
		if strings.HasPrefix(tag, `\`) || strings.HasPrefix(strings.TrimLeft(tag, "{~"), "!") {
			continue
		}
		for _, path := range templatePath.FindAllString(templateText.ReplaceAllString(tag, " "), -1) {
			read[fullPath(path)] = true
		}
	}
	var out []string
	for _, h := range hidden {
		for path := range read {
			if (path == h || strings.HasPrefix(path, h+".")) && !slices.Contains(out, h) {
				out = append(out, h)
			}
		}
	}
	return out
}

// fullPath is a template's path as redact writes it: keys with dots between,
// without the numbers of items.
func fullPath(path string) string {
	var keys []string
	for _, k := range strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("./[]", r) }) {
		if k == "this" || k == "@root" || strings.Trim(k, "0123456789") == "" {
			continue
		}
		keys = append(keys, k)
	}
	return strings.Join(keys, ".")
}
