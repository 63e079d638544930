// Package openapitest holds exchanges over HTTP against the description in
// package openapi: what is documented must be what happens, and the other way
// round. It is for tests.
package openapitest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"accessrelay/internal/openapi"
)

// base is the name under which schemas refer to each other. Nothing is fetched.
const base = "mem:///openapi.json"

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// document is the description, taken apart.
type document struct {
	root     map[string]any
	schemas  *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
	all      []operation
}

// node is a part of the document and where it stands: what schemas are found by.
type node struct {
	at  string // a JSON pointer
	val map[string]any
}

func load() (*document, error) {
	var root any
	if err := yaml.Unmarshal(openapi.Document(), &root); err != nil {
		return nil, fmt.Errorf("reading the description: %w", err)
	}
	text, err := json.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("reading the description: %w", err)
	}
	plain, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return nil, fmt.Errorf("reading the description: %w", err)
	}
	d := &document{schemas: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	d.root, _ = plain.(map[string]any)
	d.schemas.DefaultDraft(jsonschema.Draft2020)
	d.schemas.AssertFormat()
	if err := d.schemas.AddResource(base, plain); err != nil {
		return nil, fmt.Errorf("reading the description: %w", err)
	}
	return d, nil
}

// get returns what keys lead to, through references, and whether it is there.
func (d *document) get(from node, keys ...string) (node, bool) {
	n := d.follow(from)
	for _, k := range keys {
		child, ok := n.val[k].(map[string]any)
		if !ok {
			return node{}, false
		}
		n = d.follow(node{n.at + "/" + escape(k), child})
	}
	return n, true
}

// follow goes where n refers to.
func (d *document) follow(n node) node {
	for {
		ref, ok := n.val["$ref"].(string)
		if !ok {
			return n
		}
		at := strings.TrimPrefix(ref, "#")
		var v any = d.root
		for _, k := range strings.Split(strings.TrimPrefix(at, "/"), "/") {
			m, _ := v.(map[string]any)
			v = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(k)]
		}
		val, _ := v.(map[string]any)
		n = node{at, val}
	}
}

// schema compiles the schema that stands at n's key.
func (d *document) schema(n node, key string) (*jsonschema.Schema, error) {
	at := n.at + "/" + escape(key)
	if s := d.compiled[at]; s != nil {
		return s, nil
	}
	s, err := d.schemas.Compile(base + (&url.URL{Fragment: at}).String())
	if err != nil {
		return nil, fmt.Errorf("the description's %s: %w", at, err)
	}
	d.compiled[at] = s
	return s, nil
}

func escape(key string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(key) }

// operation is a method of a path.
type operation struct {
	node
	path   string
	method string // in capitals
}

func (o operation) String() string { return o.method + " " + o.path }

// operations returns all that the paths have, in a fixed order.
func (d *document) operations() []operation {
	if d.all != nil {
		return d.all
	}
	var out []operation
	paths, _ := d.get(node{"", d.root}, "paths")
	for path := range paths.val {
		item, _ := d.get(paths, path)
		for _, m := range methods {
			if op, ok := d.get(item, m); ok {
				out = append(out, operation{op, path, strings.ToUpper(m)})
			}
		}
	}
	slices.SortFunc(out, func(a, b operation) int { return strings.Compare(a.path+" "+a.method, b.path+" "+b.method) })
	d.all = out
	return out
}

// match returns the path of the description that a request's path is one of: of
// two the one without a parameter.
func (d *document) match(requested string) (path string, ok bool) {
	paths, _ := d.get(node{"", d.root}, "paths")
	if strings.HasPrefix(requested, "/v1/hooks/") { // a slash may follow
		requested = strings.TrimSuffix(requested, "/")
	}
	for p := range paths.val {
		if p == requested {
			return p, true
		}
		if fits(p, requested) && !ok {
			path, ok = p, true
		}
	}
	return path, ok
}

func fits(template, requested string) bool {
	want, got := strings.Split(template, "/"), strings.Split(requested, "/")
	if len(want) != len(got) {
		return false
	}
	for i, w := range want {
		if w != got[i] && (!strings.HasPrefix(w, "{") || got[i] == "") {
			return false
		}
	}
	return true
}

// parameters returns an operation's, with those of its path.
func (d *document) parameters(o operation) []node {
	paths, _ := d.get(node{"", d.root}, "paths")
	item, _ := d.get(paths, o.path)
	var out []node
	for _, n := range []node{item, o.node} {
		list, _ := n.val["parameters"].([]any)
		for i, p := range list {
			val, _ := p.(map[string]any)
			out = append(out, d.follow(node{fmt.Sprintf("%s/parameters/%d", n.at, i), val}))
		}
	}
	return out
}
