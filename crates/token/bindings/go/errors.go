package keyward

import "errors"

// Error says why something is refused. Code is stable and the same in every language; the text is for people, in English.
//
//	if errors.Is(err, keyward.ErrExpired) { … }
type Error struct {
	// Code names the rule of docs/token-format.md, or the reason of docs/vectors.
	Code string
	// Message is a sentence.
	Message string
}

func (e *Error) Error() string { return e.Message }

// Is compares codes.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code
}

// Code gives the code of an error of this package, and "" for any other.
func Code(err error) string {
	var known *Error
	if errors.As(err, &known) {
		return known.Code
	}
	return ""
}

// Errors that programs tell apart; compare with errors.Is.
var (
	ErrMalformed    = refusal("malformed", "the token is malformed")
	ErrUnknownKey   = refusal("unknown_key", "signed by an unknown key")
	ErrBadSignature = refusal("bad_signature", "the signature is wrong")
	ErrWrongProduct = refusal("wrong_product", "for another product, or for none")
	ErrNotYetValid  = refusal("not_yet_valid", "not valid yet")
	ErrExpired      = refusal("expired", "expired")
	ErrRevoked      = refusal("revoked", "the license is revoked")
	ErrSuspended    = refusal("suspended", "the license is suspended")
	ErrNoStatusList = refusal("no_status_list", "there is no status list")
	ErrRefused      = refusal("refused", "the server has refused the license before")
)

func refusal(code, message string) *Error { return &Error{Code: code, Message: message} }

func invalidClaim(name string) *Error {
	return refusal("invalid_claim", "the claim "+name+" is invalid")
}

func malformed(what string) *Error {
	return refusal("malformed", "the token is malformed: "+what+". Was the text cleaned by Pasted?")
}
