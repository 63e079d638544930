// Package cmd is what the programs say alike when they end at their start.
package cmd

import (
	"regexp"
	"strings"
)

// aboutFlag matches a text that begins with a flag's name, as every error about
// a setting does.
var aboutFlag = regexp.MustCompile(`^--([a-z-]+): `)

// Message is the text of err. If it begins with a flag whose value came from
// elsewhere, that is named in the flag's place: the variable, or what names the
// file that is read instead (--x-file for --x). args and environ are those that
// the settings were read from; environ is as os.Environ gives it.
func Message(err error, args, environ []string) string {
	text := err.Error()
	m := aboutFlag.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	for _, flag := range []string{m[1], m[1] + "-file"} {
		key := "ACCESSRELAY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
		switch {
		case flagGiven("--"+flag, args):
			key = "--" + flag
		case !variableGiven(key, environ):
			continue
		}
		return key + ": " + strings.TrimPrefix(text, m[0])
	}
	return text // of a default
}

// flagGiven reports whether args give the flag a value.
func flagGiven(flag string, args []string) bool {
	for i, a := range args {
		name, value, inOne := strings.Cut(a, "=")
		if name != flag {
			continue
		}
		if !inOne && i+1 < len(args) {
			value = args[i+1]
		}
		if value != "" {
			return true
		}
	}
	return false
}

// variableGiven reports whether the variable has a value. The last of a name counts.
func variableGiven(name string, environ []string) bool {
	given := false
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			given = v != ""
		}
	}
	return given
}
