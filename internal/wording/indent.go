package wording

// maxIndent is in levels; deeper ones stand where the last of these does. Without
// it the text would grow with the square of the depth: 20 KB of brackets would
// become 200 MB of blanks.
const maxIndent = 24

// Indent sets raw, which is JSON, over several lines, as [encoding/json.Indent]
// does with two blanks a level. It writes no more than [Clean] looks at for
// budget and one line, whatever raw is, and is not clean yet.
func Indent(raw []byte, budget int) string {
	in := indenter{}
	for _, c := range raw {
		if len(in.out) > inView(budget) { // the one more tells Clean that there is more
			break
		}
		in.add(c)
	}
	return string(in.out)
}

type indenter struct {
	out      []byte
	depth    int
	opened   bool // the last thing was the beginning of an object or a list
	inString bool
	escaped  bool // the character to come, within a string
}

func (in *indenter) add(c byte) {
	if in.inString {
		in.out = append(in.out, c)
		in.inString = c != '"' || in.escaped
		in.escaped = c == '\\' && !in.escaped
		return
	}
	switch c {
	case ' ', '\t', '\r', '\n':
		if in.depth == 0 && len(in.out) > 0 { // what follows the whole stays as it is
			in.out = append(in.out, c)
		}
		return
	case '}', ']':
		in.depth = max(in.depth-1, 0)
		if !in.opened {
			in.newline()
		}
		in.opened = false
		in.out = append(in.out, c)
		return
	}
	if in.opened {
		in.newline()
		in.opened = false
	}
	in.out = append(in.out, c)
	switch c {
	case '"':
		in.inString = true
	case '{', '[':
		in.depth++
		in.opened = true
	case ',':
		in.newline()
	case ':':
		in.out = append(in.out, ' ')
	}
}

func (in *indenter) newline() {
	in.out = append(in.out, '\n')
	for range min(in.depth, maxIndent) {
		in.out = append(in.out, "  "...)
	}
}
