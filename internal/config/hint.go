package config

import "strings"

// withHint adds to what the parser says of a line what people forget there most:
// ${NAME} in a list or map of brackets without quotes, where its { begins a map.
func withHint(err *syntaxError, data []byte) *syntaxError {
	lines := strings.Split(string(data), "\n")
	if err.line >= 1 && err.line <= len(lines) && bareVariable(lines[err.line-1]) {
		err.msg += "; put ${…} in quotes"
	}
	return err
}

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
