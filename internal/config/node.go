package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const (
	maxFileBytes = 1 << 20
	// maxNodes bounds what the file's aliases may blow it up to.
	maxNodes = 100_000
	// maxDepth is far more than the file's own shape needs; only a channel's
	// config is free to nest.
	maxDepth = 50
)

// node is a YAML value with its place in the file. Aliases and merge keys are
// resolved; nothing is interpreted further.
type node struct {
	kind    nodeKind
	line    int
	text    string  // of a string, number or bool, as JSON has it for the latter two
	entries []entry // of an object, in the file's order
	items   []*node // of a list
	size    int     // how many nodes this is with all below it
}

type entry struct {
	key  string
	line int
	val  *node
}

type nodeKind int

const (
	nullNode nodeKind = iota
	stringNode
	numberNode
	boolNode
	objectNode
	listNode
)

func (k nodeKind) String() string {
	return [...]string{"nothing", "a string", "a number", "true or false", "a map of keys", "a list"}[k]
}

// syntaxError is what keeps the file from being read as YAML at all.
type syntaxError struct {
	line  int
	msg   string
	cause error // that callers may ask for; may be nil
}

func (e *syntaxError) Error() string { return fmt.Sprintf("%d: %s", e.line, e.msg) }

func (e *syntaxError) Unwrap() error { return e.cause }

// parseYAML reads one YAML document. Duplicate keys are errors. Its error is a
// *syntaxError, whose text quotes nothing of the file but keys and the names of anchors.
func parseYAML(data []byte) (*node, error) {
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey()) // found below, with their path
	if err != nil {
		return nil, withHint(asSyntaxError(err), data)
	}
	var body ast.Node
	for _, d := range file.Docs {
		if d.Body == nil {
			continue
		}
		if body != nil {
			return nil, &syntaxError{line: line(d.Body), msg: "a second YAML document; want one"}
		}
		body = d.Body
	}
	if body == nil {
		return nil, &syntaxError{line: 1, msg: "the file is empty"}
	}
	c := converter{anchors: map[string]*node{}}
	return c.convert(body, "", 0)
}

// asSyntaxError keeps the parser's message and line. The parser can also show
// the source around it; that may be a secret, and so may be what it quotes.
func asSyntaxError(err error) *syntaxError {
	var ye yaml.Error
	if !errors.As(err, &ye) {
		return &syntaxError{line: 1, msg: "not valid YAML"}
	}
	n := 1
	if tk := ye.GetToken(); tk != nil && tk.Position != nil {
		n = tk.Position.Line
	}
	msg, _, _ := strings.Cut(ye.GetMessage(), "\n")
	for _, quote := range []string{`"`, "`"} {
		if i := strings.Index(msg, quote); i >= 0 {
			msg = strings.TrimRight(msg[:i], " :")
		}
	}
	return &syntaxError{line: n, msg: "not valid YAML: " + strings.ReplaceAll(msg, "\t", `\t`)}
}

type converter struct {
	anchors map[string]*node
}

func line(n ast.Node) int {
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return tk.Position.Line
	}
	return 1
}

// convert turns n into a node. path is that of n, for messages.
func (c *converter) convert(n ast.Node, path string, depth int) (*node, error) {
	at := line(n)
	if depth > maxDepth {
		return nil, keyed(at, path, "nested too deeply")
	}
	switch n := n.(type) {
	case *ast.NullNode:
		return &node{kind: nullNode, line: at, size: 1}, nil
	case *ast.StringNode:
		return &node{kind: stringNode, line: at, text: n.Value, size: 1}, nil
	case *ast.LiteralNode:
		return &node{kind: stringNode, line: at, text: n.Value.Value, size: 1}, nil
	case *ast.BoolNode:
		return &node{kind: boolNode, line: at, text: fmt.Sprint(n.Value), size: 1}, nil
	case *ast.IntegerNode, *ast.FloatNode:
		return number(n.(ast.ScalarNode), at, path)
	case *ast.SequenceNode:
		return c.list(n, path, depth)
	case ast.MapNode:
		return c.object(n, at, path, depth)
	case *ast.AnchorNode:
		v, err := c.convert(n.Value, path, depth)
		if err == nil {
			c.anchors[n.Name.GetToken().Value] = v // after converting: an alias inside is an unknown one
		}
		return v, err
	case *ast.AliasNode:
		v, ok := c.anchors[n.Value.GetToken().Value]
		if !ok {
			return nil, keyed(at, path, "an alias of an anchor that does not stand before it")
		}
		return v, nil
	case *ast.TagNode:
		return nil, keyed(at, path, "YAML tags (!…) are not supported")
	default: // .inf and .nan among them
		return nil, keyed(at, path, "not a string, number, list or map")
	}
}

func number(n ast.ScalarNode, at int, path string) (*node, error) {
	b, err := json.Marshal(n.GetValue()) // decimal, whatever the base in the file
	if err != nil || len(b) == 0 || b[0] == '"' || string(b) == "null" {
		return nil, keyed(at, path, "a number that cannot be read")
	}
	return &node{kind: numberNode, line: at, text: string(b), size: 1}, nil
}

func (c *converter) list(n *ast.SequenceNode, path string, depth int) (*node, error) {
	out := &node{kind: listNode, line: line(n), size: 1}
	for i, v := range n.Values {
		item, err := c.convert(v, fmt.Sprintf("%s[%d]", path, i), depth+1)
		if err != nil {
			return nil, err
		}
		out.items = append(out.items, item)
		if out.size += item.size; out.size > maxNodes {
			return nil, keyed(out.line, path, "too large, with its aliases")
		}
	}
	return out, nil
}

func (c *converter) object(n ast.MapNode, at int, path string, depth int) (*node, error) {
	out := &node{kind: objectNode, line: at, size: 1}
	seen := map[string]int{} // key to line
	var merged []entry
	for it := n.MapRange(); it.Next(); {
		kv := it.KeyValue()
		keyLine := line(kv.Key)
		if len(out.entries) == 0 {
			out.line = keyLine // the token of a block map is its first colon
		}
		if kv.Key.IsMergeKey() {
			more, err := c.merge(kv.Value, path, depth)
			if err != nil {
				return nil, err
			}
			merged = append(merged, more...)
			continue
		}
		key, ok := keyText(kv.Key)
		if !ok {
			return nil, keyed(keyLine, path, "a key that is not a plain name")
		}
		keyPath := join(path, key)
		if first, ok := seen[key]; ok {
			return nil, keyed(keyLine, keyPath, fmt.Sprintf("stands twice, first on line %d", first))
		}
		seen[key] = keyLine
		val, err := c.convert(kv.Value, keyPath, depth+1)
		if err != nil {
			return nil, err
		}
		out.add(entry{key, keyLine, val})
	}
	for _, e := range merged { // the object's own keys win, then the earlier merge
		if _, ok := seen[e.key]; !ok {
			seen[e.key] = e.line
			out.add(e)
		}
	}
	if out.size > maxNodes {
		return nil, keyed(out.line, path, "too large, with its aliases")
	}
	return out, nil
}

// merge returns the entries that "<<" brings in: of one map or a list of maps.
func (c *converter) merge(n ast.Node, path string, depth int) ([]entry, error) {
	v, err := c.convert(n, join(path, "<<"), depth+1)
	if err != nil {
		return nil, err
	}
	from := []*node{v}
	if v.kind == listNode {
		from = v.items
	}
	var out []entry
	for _, o := range from {
		if o.kind != objectNode {
			return nil, keyed(line(n), join(path, "<<"), "must be a map, or a list of maps")
		}
		out = append(out, o.entries...)
	}
	return out, nil
}

func keyText(k ast.MapKeyNode) (string, bool) {
	switch k := k.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return k.GetToken().Value, true
	default:
		return "", false
	}
}

func (n *node) add(e entry) {
	n.entries = append(n.entries, e)
	n.size += e.val.size
}

// maxKeyShown keeps a text that slipped into the place of a key short.
const maxKeyShown = 64

// join is for messages only: what could break the line is quoted.
func join(path, key string) string {
	if r := []rune(key); len(r) > maxKeyShown {
		key = string(r[:maxKeyShown]) + "…"
	}
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }) {
		key = strconv.QuoteToASCII(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func keyed(line int, path, msg string) *syntaxError {
	if path != "" {
		msg = path + ": " + msg
	}
	return &syntaxError{line: line, msg: msg}
}
