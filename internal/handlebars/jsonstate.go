package handlebars

// jsonState follows the JSON that a template writes, byte by byte, so that
// every value is escaped for where it really stands and the first byte that is
// wrong can be named. The zero value is before a document.
type jsonState struct {
	at    place
	key   bool   // the string is an object's key
	left  int    // of \uXXXX: digits to come
	word  string // what remains of true, false or null
	stack []open // what is still open
}

type open struct {
	bracket byte
	line    int
}

type place uint8

const (
	wantsValue place = iota // a value must come
	wantsItem               // behind [: a value or ]
	wantsKey                // behind a comma in an object
	wantsKeyOrEnd
	wantsColon
	afterValue // a comma or the end of what is open
	inString
	inEscape
	inHex
	inWord
	inMinus // the states of a number, by what was read last
	inZero
	inDigits
	inDot
	inFraction
	inE
	inExpSign
	inExponent
)

// maxOpen bounds the brackets that a template opens.
const maxOpen = 512

// step takes a byte of literal text. It returns what is wrong with it, or "".
func (j *jsonState) step(c byte, line int) string {
	switch j.at {
	case inString:
		return j.stringByte(c)
	case inEscape:
		switch c {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			j.at = inString
		case 'u':
			j.at, j.left = inHex, 4
		default:
			return `a string has a \ that begins no escape; write \\ for a backslash`
		}
		return ""
	case inHex:
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return `a string has a \u that four hexadecimal digits do not follow`
		}
		if j.left--; j.left == 0 {
			j.at = inString
		}
		return ""
	case inWord:
		if j.word == "" || c != j.word[0] {
			return "a word that is not true, false or null stands outside of a string"
		}
		if j.word = j.word[1:]; j.word == "" {
			j.at = afterValue
		}
		return ""
	default:
	}
	if j.at >= inMinus {
		if done, problem := j.numberByte(c); !done || problem != "" {
			return problem
		}
	}
	if c == ' ' || c == '\n' || c == '\r' || c == '\t' {
		return ""
	}
	return j.structure(c, line)
}

func (j *jsonState) stringByte(c byte) string {
	switch {
	case c == '\\':
		j.at = inEscape
	case c == '"' && j.key:
		j.at, j.key = wantsColon, false
	case c == '"':
		j.at = afterValue
	case c == '\n' || c == '\r':
		return `a line ends inside of a string: a closing " is missing, or \n is meant`
	case c < ' ':
		return `a control character stands inside of a string; write it as \t or \u00…`
	}
	return ""
}

// numberByte takes a byte within a number; done is the first one behind it.
func (j *jsonState) numberByte(c byte) (done bool, problem string) {
	digit := c >= '0' && c <= '9'
	switch {
	case digit && j.at == inMinus && c == '0':
		j.at = inZero
	case digit && (j.at == inMinus || j.at == inDigits):
		j.at = inDigits
	case digit && (j.at == inDot || j.at == inFraction):
		j.at = inFraction
	case digit && j.at != inZero:
		j.at = inExponent
	case c == '.' && (j.at == inZero || j.at == inDigits):
		j.at = inDot
	case (c == 'e' || c == 'E') && (j.at == inZero || j.at == inDigits || j.at == inFraction):
		j.at = inE
	case (c == '+' || c == '-') && j.at == inE:
		j.at = inExpSign
	case j.numberEnds() && !digit:
		j.at = afterValue
		return true, ""
	default:
		return false, "a number is not written as JSON has it"
	}
	return false, ""
}

// numberEnds reports whether the number, if at is within one, may end here.
func (j *jsonState) numberEnds() bool {
	return j.at == inZero || j.at == inDigits || j.at == inFraction || j.at == inExponent
}

func (j *jsonState) structure(c byte, line int) string {
	switch {
	case c == '}' || c == ']':
		return j.closeBracket(c)
	case j.at == wantsColon:
		if c != ':' {
			return "a : is missing behind an object's key"
		}
		j.at = wantsValue
		return ""
	case j.at == wantsKey || j.at == wantsKeyOrEnd:
		if c != '"' {
			return `an object's key is missing here, in "quotes"`
		}
		j.at, j.key = inString, true
		return ""
	case j.at == afterValue:
		switch {
		case len(j.stack) == 0:
			return "something follows the JSON value, which must be the only one"
		case c != ',':
			return "a comma is missing, or a closing bracket"
		case j.stack[len(j.stack)-1].bracket == '{':
			j.at = wantsKey
		default:
			j.at = wantsValue
		}
		return ""
	}
	return j.beginValue(c, line)
}

func (j *jsonState) beginValue(c byte, line int) string {
	switch {
	case c == '{' || c == '[':
		if len(j.stack) >= maxOpen {
			return "too many brackets are open"
		}
		j.stack = append(j.stack, open{c, line})
		j.at = wantsItem
		if c == '{' {
			j.at = wantsKeyOrEnd
		}
	case c == '"':
		j.at = inString
	case c == '-':
		j.at = inMinus
	case c == '0':
		j.at = inZero
	case c >= '1' && c <= '9':
		j.at = inDigits
	case c == 't':
		j.at, j.word = inWord, "true"[1:]
	case c == 'f':
		j.at, j.word = inWord, "false"[1:]
	case c == 'n':
		j.at, j.word = inWord, "null"[1:]
	case c == ',':
		return "a comma stands where a value must"
	default:
		return `text stands outside of a string: JSON wants it in "quotes"`
	}
	return ""
}

func (j *jsonState) closeBracket(c byte) string {
	want := byte('{')
	if c == ']' {
		want = '['
	}
	switch {
	case len(j.stack) == 0:
		return "a closing bracket ends nothing"
	case j.stack[len(j.stack)-1].bracket != want:
		return "a closing bracket is of the other kind than the one that it ends"
	case j.at == wantsKey || j.at == wantsValue && want == '[':
		return "a comma stands before a closing bracket; in a loop write {{#unless @last}},{{/unless}}"
	case j.at != afterValue && j.at != wantsItem && j.at != wantsKeyOrEnd:
		return "a value is missing before a closing bracket"
	}
	j.stack = j.stack[:len(j.stack)-1]
	j.at = afterValue
	return ""
}

// insert makes room for a value. inside says that it is to be written as text
// of the string that is open, key that it must be a text.
func (j *jsonState) insert() (inside, key bool, problem string) {
	switch j.at {
	case inString:
		return true, false, ""
	case wantsValue, wantsItem:
		j.at = afterValue
	case wantsKey, wantsKeyOrEnd:
		j.at = wantsColon
		return false, true, ""
	case wantsColon:
		return false, false, "a : is missing before this value"
	case afterValue:
		if len(j.stack) == 0 {
			return false, false, "this value follows the JSON value, which must be the only one"
		}
		return false, false, "a comma is missing before this value"
	case inEscape, inHex:
		return false, false, `a \ stands before this value: its text would become an escape`
	default:
		return false, false, "this value stands within a number or a word; JSON text of several parts must stand in \"quotes\""
	}
	return false, false, ""
}

// end returns what is missing, or "", and in which line.
func (j *jsonState) end(line int) (string, int) {
	if n := len(j.stack); n > 0 {
		return "a " + string(j.stack[n-1].bracket) + " of this line is not closed", j.stack[n-1].line
	}
	switch {
	case j.at == afterValue || j.numberEnds():
		return "", 0
	case j.at == wantsValue:
		return "the template writes nothing, which is no JSON", line
	case j.at >= inString && j.at <= inHex:
		return "a string is not closed", line
	}
	return "the JSON value is not complete", line
}
