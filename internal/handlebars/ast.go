package handlebars

// The syntax tree. The parser makes it, trimStandalone takes white space out of
// it, the checker resolves its names, a run only reads it.

type node interface{ at() int }

type program struct {
	body    []node
	chained bool // the one block of an {{else if …}}
	cost    int  // what one pass spends at least: set by the checker
}

// content is literal text.
type content struct {
	line                        int    // of text's first byte
	text                        string // what is left of original
	original                    string
	leftStripped, rightStripped bool // as Handlebars counts: on the left of what follows, on the right of what precedes
}

// strip is where a tag has ~.
type strip struct{ open, close bool }

type comment struct {
	line int
	strip
}

// output is {{…}}.
type output struct {
	line int
	strip
	e expr
}

// block is {{#…}}…{{else}}…{{/…}}.
type block struct {
	line   int
	head   *call // its name and arguments
	params []string
	kind   blockKind
	slot   int // of its first block parameter

	program, inverse *program // either may be nil
	openStrip        strip
	inverseStrip     strip
	closeStrip       strip
}

type blockKind int

const (
	section blockKind = iota // {{#path}}: a loop, a with or an if, by what stands there
	ifBlock
	unlessBlock
	eachBlock
	withBlock
)

func (n *content) at() int { return n.line }
func (n *comment) at() int { return n.line }
func (n *output) at() int  { return n.line }
func (b *block) at() int   { return b.line }

type expr interface{ expr() }

// path is a.b, ../a, @root.a or, with slot set, a block parameter's.
type path struct {
	line     int
	original string // as it is written
	data     bool   // begins with @
	scoped   bool   // begins with this or a dot: neither a helper nor a block parameter
	up       int    // how many ../
	parts    []string
	slot     int // of a block parameter, from 1; 0: none. Then parts lacks its name.
}

type literal struct{ v *value }

// call is a helper's call, or before it is checked perhaps only a path.
type call struct {
	line int
	name *path
	args []expr
	hash []pair
	fn   *helper // nil: it is the path in name
}

type pair struct {
	key string
	e   expr
}

func (*path) expr()    {}
func (*literal) expr() {}
func (*call) expr()    {}
