package email

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"strconv"

	"github.com/wneessen/go-mail/smtp"

	"accessrelay/internal/safenet"
	"accessrelay/internal/transport"
)

// enhanced is RFC 3463's status at the beginning of a reply's text. It is all of
// the text that is shown: the rest may quote the mail, or who knows what.
var enhanced = regexp.MustCompile(`^([245])\.\d{1,3}\.\d{1,3}(?:[ \n]|$)`)

// codes writes a reply as its code and, if there is one, its enhanced status.
func codes(reply *textproto.Error) string {
	s := strconv.Itoa(reply.Code)
	if m := enhanced.FindString(reply.Msg); m != "" && m[0] == s[0] {
		for m[len(m)-1] == ' ' || m[len(m)-1] == '\n' {
			m = m[:len(m)-1]
		}
		s += " " + m
	}
	return s
}

// refusal is what a reply that is no success means, or nil if err is none: to
// what of the attempt it was given is said in stage.
func refusal(stage string, err error) *transport.SendError {
	reply := replyIn(err)
	switch {
	case reply == nil:
		return nil
	case reply.Code/100 == 4:
		return &transport.SendError{
			Reason: transport.ReasonDeferred, Class: transport.Retry,
			Err: fmt.Errorf("the server deferred %s (%s)", stage, codes(reply)),
		}
	case reply.Code/100 == 5:
		return &transport.SendError{
			Reason: transport.ReasonRejected, Class: transport.Dead,
			Err: fmt.Errorf("the server refused %s (%s)", stage, codes(reply)),
		}
	}
	return notSMTP()
}

// closing is the reply with which a server ends the session: RFC 5321, 3.8.
const closing = 421

// replyIn returns the reply that err is about. Of two, to EHLO and then HELO, the
// last one counts, unless the first has closed the session.
func replyIn(err error) *textproto.Error {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		parts := several.Unwrap()
		for _, part := range parts[:len(parts)-1] {
			if reply := replyIn(part); reply != nil && reply.Code == closing {
				return reply
			}
		}
		return replyIn(parts[len(parts)-1])
	}
	if wrapping, ok := err.(interface{ Unwrap() error }); ok {
		return replyIn(wrapping.Unwrap())
	}
	reply, _ := err.(*textproto.Error) //nolint:errorlint // it is unwrapped above
	return reply
}

func notSMTP() *transport.SendError {
	return &transport.SendError{
		Reason: transport.ReasonBadResponse, Class: transport.Retry,
		Err: errors.New("the answer is not what SMTP lays down"),
	}
}

// failed says what err means for the attempt. handshake says that TLS was being
// agreed on. Its text holds nothing that the server said.
func failed(ctx context.Context, stage string, err error, handshake bool) *transport.SendError {
	if failure := refusal(stage, err); failure != nil {
		return failure
	}
	var protocol textproto.ProtocolError
	var corrupt base64.CorruptInputError
	if errors.As(err, &protocol) || errors.As(err, &corrupt) || errors.Is(err, errTooLong) ||
		errors.Is(err, smtp.ErrUnexpectedServerChallange) || errors.Is(err, smtp.ErrUnexpectedServerResponse) {
		return notSMTP()
	}
	failure := transport.ConnectionError(ctx, err, handshake)
	var blocked *safenet.BlockedError
	if errors.As(err, &blocked) && blocked.Plain {
		failure.Err = &inTheClear{blocked}
	}
	return failure
}

// inTheClear is a refusal of the guard, with the key that mends it here.
type inTheClear struct{ *safenet.BlockedError }

func (*inTheClear) Error() string {
	return "tls: none is not allowed to this host: use starttls or implicit, or have the operator admit its address in delivery.allow_networks"
}

func (e *inTheClear) Unwrap() error { return e.BlockedError }
