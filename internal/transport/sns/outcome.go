package sns

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"time"

	"accessrelay/internal/transport"
)

// consequence is what follows from an error code.
type consequence int

const (
	byStatus  consequence = iota // as for any HTTP answer
	throttled                    // wait, without using a retry
	failing                      // the server's fault: try again
	skewed                       // our clock, or theirs: try again
	outdated                     // the credentials have expired
)

// meanings are the error codes of Publish and those common to AWS's services, as
// their references list them. What is not here is not shown: whoever answers
// could echo the message or a key.
var meanings = map[string]struct {
	then consequence
	hint string // for whoever has to mend it
}{
	"BandwidthLimitExceeded":                 {then: throttled},
	"EC2ThrottledException":                  {then: throttled},
	"KMSThrottling":                          {then: throttled},
	"KMSThrottlingException":                 {then: throttled},
	"LimitExceededException":                 {then: throttled},
	"PriorRequestNotComplete":                {then: throttled},
	"ProvisionedThroughputExceededException": {then: throttled},
	"RequestLimitExceeded":                   {then: throttled},
	"RequestThrottled":                       {then: throttled},
	"RequestThrottledException":              {then: throttled},
	"SlowDown":                               {then: throttled},
	"Throttled":                              {then: throttled},
	"ThrottledException":                     {then: throttled},
	"Throttling":                             {then: throttled},
	"ThrottlingException":                    {then: throttled},
	"TooManyRequestsException":               {then: throttled},
	"TransactionInProgressException":         {then: throttled},

	"InternalError":           {then: failing},
	"InternalErrorException":  {then: failing},
	"InternalFailure":         {then: failing},
	"InternalServerError":     {then: failing},
	"InternalServerException": {then: failing},
	"ServiceUnavailable":      {},
	"RequestTimeout":          {},

	"RequestExpired":       {then: skewed, hint: "the worker's clock is wrong"},
	"RequestInTheFuture":   {then: skewed, hint: "the worker's clock is wrong"},
	"RequestTimeTooSkewed": {then: skewed, hint: "the worker's clock is wrong"},

	"ExpiredToken":          {then: outdated, hint: "the credentials have expired"},
	"ExpiredTokenException": {then: outdated, hint: "the credentials have expired"},
	"TokenRefreshRequired":  {then: outdated, hint: "the credentials have expired"},

	"AccessDenied":                {hint: mayNot},
	"AccessDeniedException":       {hint: mayNot},
	"AuthFailure":                 {hint: badKeys},
	"AuthorizationError":          {hint: mayNot},
	"AuthorizationErrorException": {hint: mayNot},
	"EndpointDisabled":            {},
	"IncompleteSignature":         {},
	"InvalidAction":               {},
	"InvalidClientTokenId":        {hint: badKeys},
	"InvalidParameter":            {hint: "region and topic must belong together, and a FIFO topic's name end in .fifo"},
	"InvalidParameterException":   {},
	"InvalidParameterValue":       {},
	"InvalidSecurity":             {},
	"InvalidSignatureException":   {hint: badKeys},
	"KMSAccessDenied":             {hint: "the credentials may not use the key that the topic is encrypted with"},
	"KMSDisabled":                 {hint: "the key that the topic is encrypted with is disabled"},
	"KMSInvalidState":             {},
	"KMSNotFound":                 {hint: "the key that the topic is encrypted with does not exist"},
	"KMSOptInRequired":            {},
	"MalformedQueryString":        {},
	"MissingAction":               {},
	"MissingAuthenticationToken":  {},
	"MissingParameter":            {},
	"NotFound":                    {hint: noTopic},
	"NotFoundException":           {hint: noTopic},
	"OptInRequired":               {},
	"ParameterValueInvalid":       {},
	"PlatformApplicationDisabled": {},
	"ResourceNotFound":            {hint: noTopic},
	"ResourceNotFoundException":   {hint: noTopic},
	"SignatureDoesNotMatch":       {hint: "secret_access_key is wrong, or the worker's clock is"},
	"UnrecognizedClientException": {hint: badKeys},
	"ValidationError":             {},
	"ValidationException":         {},
}

const (
	mayNot  = "the credentials lack sns:Publish on the topic"
	badKeys = "AWS does not know the access key"
	noTopic = "the topic does not exist"
)

// outcome says what follows from an answer, nil if it is a success by its status.
// chain says that it was signed for with the worker's own credentials; expired,
// that those are to be fetched anew, after which another attempt may do.
func outcome(a *transport.Answer, now time.Time, chain bool) (failure *transport.SendError, expired bool) {
	code := errorCode(a.Body)
	means, known := meanings[code]
	if !known {
		code = ""
	}
	failure = a.Outcome(now, code)
	if failure == nil || a.Status < http.StatusBadRequest || failure.Class == transport.Gone {
		return failure, false
	}
	if means.hint != "" {
		failure.Err = fmt.Errorf("%w: %s", failure.Err, means.hint)
	}
	switch {
	case means.then == throttled, a.Status == http.StatusTooManyRequests:
		// SNS says so without a Retry-After; the relay then waits its shortest time.
		failure.Reason, failure.Class = transport.ReasonRateLimited, transport.Throttle
	case means.then == failing && failure.Class == transport.Dead:
		failure.Reason, failure.Class = transport.ReasonServerError, transport.Retry
	case means.then == skewed && failure.Class == transport.Dead:
		failure.Class = transport.Retry
	case means.then == outdated && chain:
		failure.Class = transport.Retry
		return failure, true
	}
	return failure, false
}

// errorCode reads the code of an error as AWS's Query protocol writes it, also of
// a body that was cut after it. It is the sender's word until it is looked up.
func errorCode(body []byte) string {
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "Code" {
			continue
		}
		text, err := d.Token()
		if err != nil {
			return ""
		}
		code, _ := text.(xml.CharData)
		return string(bytes.TrimSpace(code))
	}
}
