package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// request is a command as a client sends it.
type request struct {
	raw  []byte
	args []string
}

func (r request) command() string { return strings.ToUpper(r.args[0]) }

func (r request) script() bool {
	switch r.command() {
	case "EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO":
		return len(r.args) > 2
	}
	return false
}

// keys returns the keys of a script, or the first argument of another command.
func (r request) keys() []string {
	if r.script() {
		n, _ := strconv.Atoi(r.args[2])
		return slices.Clone(r.args[3:min(3+n, len(r.args))])
	}
	return slices.Clone(r.args[1:min(2, len(r.args))])
}

func (r request) key(i int) string { return r.keys()[i] }

// rest returns a script's arguments, or those of a command after its first.
func (r request) rest() []string {
	if r.script() {
		return r.args[3+len(r.keys()):]
	}
	return r.args[1+len(r.keys()):]
}

func readRequest(r *bufio.Reader) (request, error) {
	var req request
	n, err := readHead(r, &req.raw, '*')
	if err != nil {
		return req, err
	}
	for range n {
		size, err := readHead(r, &req.raw, '$')
		if err != nil {
			return req, err
		}
		text := make([]byte, size+2)
		if _, err := io.ReadFull(r, text); err != nil {
			return req, err
		}
		req.raw = append(req.raw, text...)
		req.args = append(req.args, string(text[:size]))
	}
	if len(req.args) == 0 {
		return req, errors.New("an empty request")
	}
	return req, nil
}

func readHead(r *bufio.Reader, raw *[]byte, kind byte) (int, error) {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return 0, err
	}
	*raw = append(*raw, line...)
	if line[0] != kind {
		return 0, fmt.Errorf("a request with %q", line)
	}
	return strconv.Atoi(string(bytes.TrimSpace(line[1:])))
}

// redisReply is an answer of Redis.
type redisReply struct {
	raw    []byte
	null   bool
	number int64
}

// readReply reads one answer of RESP2 or RESP3, and what is pushed before it.
func readReply(r *bufio.Reader) (redisReply, error) {
	var a redisReply
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return a, err
		}
		a.raw = append(a.raw, line...)
		n, _ := strconv.ParseInt(string(bytes.TrimSpace(line[1:])), 10, 64)
		parts := 0
		switch line[0] {
		case ':':
			a.number = n
		case '_':
			a.null = true
		case '$', '=', '!':
			if n < 0 {
				a.null = true
				break
			}
			text := make([]byte, n+2)
			if _, err := io.ReadFull(r, text); err != nil {
				return a, err
			}
			a.raw = append(a.raw, text...)
		case '*', '~', '>':
			a.null = n < 0
			parts = int(n)
		case '%', '|':
			parts = int(2 * n)
		}
		for range parts {
			part, err := readReply(r)
			if err != nil {
				return a, err
			}
			a.raw = append(a.raw, part.raw...)
		}
		if line[0] != '>' && line[0] != '|' {
			return a, nil
		}
	}
}
