package config

import (
	"regexp"
	"slices"
	"strings"
)

// withHint adds to what the parser says of a line what people forget there most:
// quotes around ${NAME} in a list or map of brackets, and around a template. In
// both cases a { begins a map.
func withHint(err *syntaxError, data []byte) *syntaxError {
	lines := strings.Split(string(data), "\n")
	if err.line < 1 || err.line > len(lines) {
		return err
	}
	// What follows a map that ends early is reported where it stands, a line below.
	near := lines[max(0, err.line-2):err.line]
	switch {
	case bareVariable(lines[err.line-1]):
		err.msg += "; put ${…} in quotes"
	case slices.ContainsFunc(near, bareTemplate):
		err.msg += "; a text that begins with {{ must be in quotes, or in lines of its own below |"
	}
	return err
}

// startsTemplate is a key, or the dash of a list, with {{ as its value's first letters.
var startsTemplate = regexp.MustCompile(`^\s*(?:- +)*(?:[A-Za-z_]+ *: +)?\{\{|[{,] *[A-Za-z_]+ *: +\{\{`)

// bareTemplate reports whether a line has a value that begins with {{ without
// quotes. It is asked of lines that are wrong, or stand before such a one.
func bareTemplate(line string) bool { return startsTemplate.MatchString(line) }

// bareVariable reports whether a line has a ${ outside of quotes and comments.
func bareVariable(line string) bool {
	var quote rune
	before := ' '
	for i, c := range line {
		switch {
		case quote == '"' && before == '\\':
			c = 0 // escaped, also if it is a \ itself
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && strings.ContainsRune(" \t[{,", before): // elsewhere it is a letter of a plain text
			quote = c
		case c == '#' && (before == ' ' || before == '\t'):
			return false
		case strings.HasPrefix(line[i:], "${"):
			return true
		}
		before = c
	}
	return false
}
