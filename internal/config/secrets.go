package config

import (
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"accessrelay/internal/channel"
)

// expand returns the string at a with every ${VAR} replaced and every $${ a
// literal ${. What a variable holds is taken as it is. Without resolve no
// variable is looked up: [channel.Mask] stands for each.
func (l *loader) expand(a at, resolve bool) string {
	return l.expandWith(a, func(name string) string {
		if resolve {
			return l.variable(a, name)
		}
		return channel.Mask
	})
}

// expandWith is expand where value is what stands for a variable.
func (l *loader) expandWith(a at, value func(name string) string) string {
	s := a.n.text
	if !strings.Contains(s, "${") {
		return s
	}
	var out strings.Builder
	for rest := s; ; {
		i := strings.Index(rest, "${")
		if i < 0 {
			out.WriteString(rest)
			break
		}
		if i > 0 && rest[i-1] == '$' {
			out.WriteString(rest[:i-1] + "${")
			rest = rest[i+2:]
			continue
		}
		out.WriteString(rest[:i])
		name, after, closed := strings.Cut(rest[i+2:], "}")
		if !closed || !isVariable(name) {
			l.fail(a, "has a ${ that no variable's name and } follow; write $${ for a literal ${")
			return ""
		}
		out.WriteString(value(name))
		rest = after
	}
	return out.String()
}

// refers reports whether s has a ${ that is not a literal one.
func refers(s string) bool { return strings.Contains(strings.ReplaceAll(s, "$${", ""), "${") }

func isVariable(s string) bool {
	return s != "" && (s[0] < '0' || s[0] > '9') &&
		strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// variable looks name up. An empty one is refused: it is nearly always one that
// somebody forgot to fill, and an empty secret is worse than none.
func (l *loader) variable(a at, name string) string {
	v, ok := l.lookup(name)
	switch {
	case !ok:
		l.lack(a, "variable %s is not set", name)
	case v == "":
		l.lack(a, "variable %s is empty", name)
	}
	return v
}

// secretFile returns the content of the file that the string at a names,
// without the line break at its end.
func (l *loader) secretFile(a at) string {
	name := l.str(a)
	if l.err != nil {
		return ""
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.dir, path)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		l.fail(a, "%s: is a directory", path)
		return ""
	}
	data, err := readFile(path)
	if err != nil {
		l.lack(a, "%v", err)
		return ""
	}
	s := strings.TrimRight(string(data), "\r\n")
	switch {
	case s == "":
		l.fail(a, "%s: is empty", path)
	case !utf8.ValidString(s):
		l.fail(a, "%s: is not text in UTF-8", path)
	}
	return s
}

// base returns the key that a file stands in for: url of url_file, secrets of
// secrets_files.
func base(key string) (name string, many, ok bool) {
	if name, ok = strings.CutSuffix(key, "_files"); ok && name != "" {
		return name, true, true
	}
	name, ok = strings.CutSuffix(key, "_file")
	return name, false, ok && name != ""
}
