package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"
)

const maxBody = 1 << 20

// object is a JSON object of a request, its values yet to be read. Keys count
// as written: encoding/json into a struct would take "Name" for "name".
type object map[string]json.RawMessage

// readBody reads r's body, which must be announced as JSON. Its error is a *fault.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if (err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter)) || media != "application/json" {
		return nil, &fault{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type",
			message: "the body must be application/json, and Content-Type must say so"}
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, &fault{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type",
			message: "the body must be sent without a Content-Encoding"}
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, &fault{status: http.StatusRequestEntityTooLarge, code: "too_large",
			message: fmt.Sprintf("the body is larger than %d bytes", maxBody)}
	}
	if err != nil {
		return nil, malformed("the body did not arrive whole")
	}
	return raw, nil
}

// parseObject takes a body apart that must be one JSON object without a repeated
// key. Its error is a *fault.
func parseObject(raw []byte) (object, error) {
	// json.Valid sees what follows the object; the decoder below would not.
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return nil, malformed("the body is not valid JSON in UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, malformed("the body must be a JSON object")
	}
	out := object{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, malformed("the body is not valid JSON in UTF-8")
		}
		name := key.(string) // the key of an object: valid JSON has no other
		if _, again := out[name]; again {
			return nil, invalid(map[string]string{name: "is given twice"})
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return nil, malformed("the body is not valid JSON in UTF-8")
		}
		out[name] = v
	}
	return out, nil
}

func malformed(message string) *fault {
	return &fault{status: http.StatusBadRequest, code: "malformed", message: message}
}

// params reads query parameters and collects what is wrong with them.
type params struct {
	values url.Values
	bad    map[string]string
}

// queryOf reads a query that may hold the known parameters, each once. A
// parameter that nobody reads would be a filter that silently lets everything
// through. An empty one is one not given.
func queryOf(values url.Values, known []string) *params {
	p := &params{values, map[string]string{}}
	for k, vs := range values {
		switch {
		case !slices.Contains(known, k):
			p.bad[k] = "is not a parameter of this call"
		case len(vs) > 1:
			p.bad[k] = "is given twice"
		}
	}
	return p
}

// get returns the parameter name, or "". check, if not nil, says what is wrong
// with it, or "".
func (p *params) get(name string, check func(string) string) string {
	v := p.values.Get(name)
	if v != "" && check != nil {
		if wrong := check(v); wrong != "" {
			p.bad[name] = wrong
		}
	}
	return v
}

const (
	defaultLimit = 50
	maxLimit     = 500
)

func (p *params) limit() int {
	v := p.values.Get("limit")
	if v == "" {
		return defaultLimit
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxLimit {
		p.bad["limit"] = fmt.Sprintf("must be a number from 1 to %d", maxLimit)
	}
	return n
}

// err is a *fault that names the wrong parameters, or nil.
func (p *params) err() error {
	if len(p.bad) == 0 {
		return nil
	}
	return invalid(p.bad)
}
