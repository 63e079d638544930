package openapitest

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Exchange is one request and its answer, as they went over the wire.
type Exchange struct {
	Method        string
	URL           *url.URL
	RequestHeader http.Header
	RequestBody   []byte
	Status        int
	Header        http.Header
	Body          []byte
}

// Checker holds exchanges against the description and remembers what it saw. It
// is safe for concurrent use.
type Checker struct {
	mu   sync.Mutex
	doc  *document
	seen map[string]bool // "GET /path 200"
}

// New returns a checker. Its error is a description that cannot be read.
func New() (*Checker, error) {
	doc, err := load()
	if err != nil {
		return nil, err
	}
	return &Checker{doc: doc, seen: map[string]bool{}}, nil
}

// Operations returns all that the description has, as in "GET /v1/events/{id}".
func (c *Checker) Operations() []string {
	var out []string
	for _, o := range c.doc.operations() {
		out = append(out, o.String())
	}
	return out
}

// Missing returns the documented answers under the paths that no exchange had, as
// in "GET /v1/events/{id} 200".
func (c *Checker) Missing(under string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, o := range c.doc.operations() {
		if !strings.HasPrefix(o.path, under) {
			continue
		}
		responses, _ := c.doc.get(o.node, "responses")
		for status := range responses.val {
			if line := o.String() + " " + status; !c.seen[line] {
				out = append(out, line)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Exchange returns what is wrong with x: an answer that is not documented, or not
// as documented; or a good answer to a request that the description refuses.
func (c *Checker) Exchange(x Exchange) []string {
	c.mu.Lock() // compiling schemas is not safe for concurrent use
	defer c.mu.Unlock()
	j := judge{doc: c.doc, x: x}
	j.exchange(c.seen)
	return j.problems
}

// judge looks at one exchange.
type judge struct {
	doc      *document
	x        Exchange
	problems []string
}

func (j *judge) note(format string, args ...any) {
	j.problems = append(j.problems, fmt.Sprintf("%s %s: %d: %s", j.x.Method, j.x.URL.Path, j.x.Status, fmt.Sprintf(format, args...)))
}

func (j *judge) exchange(seen map[string]bool) {
	method := j.x.Method
	if method == http.MethodHead { // is wherever GET is
		method = http.MethodGet
	}
	path, known := j.doc.match(j.x.URL.EscapedPath())
	if !known {
		j.refusal(http.StatusNotFound)
		return
	}
	all := j.doc.operations()
	i := slices.IndexFunc(all, func(o operation) bool { return o.path == path && o.method == method })
	if i < 0 {
		// A channel type that there is not stands where an id does, and who asks
		// for it is asked for a key first.
		j.refusal(http.StatusMethodNotAllowed, http.StatusNotFound, http.StatusUnauthorized)
		return
	}
	op := all[i]
	response, ok := j.doc.get(op.node, "responses", strconv.Itoa(j.x.Status))
	if !ok {
		j.note("%s does not document this status: %s", op, j.x.Body)
		return
	}
	seen[fmt.Sprintf("%s %d", op, j.x.Status)] = true
	j.headers(response)
	j.body(response)
	if j.x.Status < 300 {
		j.request(op)
	}
}

// refusal is an answer where there is no operation.
func (j *judge) refusal(statuses ...int) {
	if !slices.Contains(statuses, j.x.Status) {
		j.note("the description has no such operation, so this must be one of %d", statuses)
		return
	}
	if j.x.Status == http.StatusMethodNotAllowed {
		j.allowed(strings.Split(j.x.Header.Get("Allow"), ", "))
	}
	if j.x.Method != http.MethodHead {
		schemas, _ := j.doc.get(node{"", j.doc.root}, "components", "schemas")
		j.valid("the error body", schemas, "Error", j.x.Body)
	}
}

// allowed looks at the methods that a path is said to take: all that are
// documented, but for those that may be answered 405 themselves.
func (j *judge) allowed(methods []string) {
	path, _ := j.doc.match(j.x.URL.EscapedPath())
	for _, o := range j.doc.operations() {
		_, maybe := j.doc.get(o.node, "responses", strconv.Itoa(http.StatusMethodNotAllowed))
		if o.path == path && !maybe && !slices.Contains(methods, o.method) {
			j.note("Allow is %q and lacks %s", methods, o.method)
		}
	}
	if methods[0] == "" {
		j.note("Allow is missing")
	}
}

func (j *judge) headers(response node) {
	all, _ := j.doc.get(response, "headers")
	for name := range all.val {
		h, _ := j.doc.get(all, name)
		values := j.x.Header.Values(name)
		switch {
		case len(values) == 0 && h.val["required"] == true:
			j.note("the header %s is missing", name)
		case len(values) == 1:
			j.validValue("the header "+name, h, values[0])
		case len(values) > 1:
			j.note("the header %s is there twice", name)
		}
	}
}

func (j *judge) body(response node) {
	content, documented := j.doc.get(response, "content")
	switch {
	case j.x.Method == http.MethodHead: // net/http keeps back what the handler writes
		return
	case !documented && len(j.x.Body) > 0:
		j.note("a body that is not documented: %s", j.x.Body)
		return
	case !documented, len(j.x.Body) == 0 && response.val["x-body-optional"] == true:
		return
	}
	media := mediaType(j.x.Header)
	m, ok := j.doc.get(content, media)
	if !ok {
		j.note("Content-Type %q is not documented", media)
		return
	}
	if media == "application/json" {
		j.valid("the body", m, "schema", j.x.Body)
	}
}

func mediaType(h http.Header) string {
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return media
}

// request looks at a request that was answered well: the description must take
// it too.
func (j *judge) request(op operation) {
	query := j.x.URL.Query()
	vars := map[string]string{}
	got := strings.Split(j.x.URL.Path, "/")
	for i, part := range strings.Split(op.path, "/") {
		if strings.HasPrefix(part, "{") {
			vars[strings.Trim(part, "{}")] = got[i]
		}
	}
	for _, p := range j.doc.parameters(op) {
		name, _ := p.val["name"].(string)
		var value string
		var there bool
		switch p.val["in"] {
		case "query":
			value, there = query.Get(name), query.Has(name)
			if value == "" && p.val["allowEmptyValue"] == true {
				there = false
			}
			query.Del(name)
		case "header":
			value, there = j.x.RequestHeader.Get(name), len(j.x.RequestHeader.Values(name)) > 0
		case "path":
			value, there = vars[name]
		}
		if !there {
			if p.val["required"] == true {
				j.note("answered well without the parameter %s, which is required", name)
			}
			continue
		}
		if name != "traceparent" { // one that is not well formed is ignored
			j.validValue("the parameter "+name, p, value)
		}
	}
	if _, free := op.val["security"]; !free {
		for name := range query {
			j.note("answered well with the parameter %s, which is not documented", name)
		}
		if len(j.x.RequestHeader.Values("X-API-Key"))+len(j.x.RequestHeader.Values("Authorization")) == 0 {
			j.note("answered well without a key")
		}
	}
	body, ok := j.doc.get(op.node, "requestBody")
	if !ok {
		return
	}
	m, ok := j.doc.get(body, "content", mediaType(j.x.RequestHeader))
	if !ok {
		j.note("answered well with Content-Type %q, which is not documented", j.x.RequestHeader.Get("Content-Type"))
		return
	}
	j.valid("the request's body", m, "schema", j.x.RequestBody)
}

// validValue checks the text of a parameter or header.
func (j *judge) validValue(what string, n node, text string) {
	s, err := j.doc.schema(n, "schema")
	if err != nil {
		j.note("%v", err)
		return
	}
	var value any = text
	if schema, _ := j.doc.get(n, "schema"); schema.val["type"] == "integer" {
		value = json.Number(text)
	}
	if err := s.Validate(value); err != nil {
		j.note("%s is %q: %v", what, text, err)
	}
}

func (j *judge) valid(what string, n node, key string, text []byte) {
	s, err := j.doc.schema(n, key)
	if err != nil {
		j.note("%v", err)
		return
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		j.note("%s is no JSON: %v: %q", what, err, text)
		return
	}
	if err := s.Validate(value); err != nil {
		j.note("%s is not as documented: %v: %s", what, err, text)
	}
}
