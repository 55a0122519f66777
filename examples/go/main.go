// Verifies a Keyward license offline, with nothing but Go's standard library.
//
//	go run . KEY_FILE TOKEN [AUDIENCE]
//
// KEY_FILE is the vendor's public key as PEM. Prints the claims and ends 0, or the reason and ends 1. A vendor would
// embed the key in the program (go:embed) and take the token from LICENSE_KEY.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// What every token states. Your own claims are beside it.
type license struct {
	subject   string
	audience  audience
	notBefore int64
	expires   *int64
}

// Names are read as they are written: encoding/json would take a claim "EXP" of yours for "exp".
func readLicense(text []byte) (license license, err error) {
	var claims map[string]json.RawMessage
	if err = json.Unmarshal(text, &claims); err != nil {
		return license, err
	}
	for name, into := range map[string]any{
		"sub": &license.subject, "aud": &license.audience, "nbf": &license.notBefore, "exp": &license.expires,
	} {
		if claim, present := claims[name]; present {
			if err = json.Unmarshal(claim, into); err != nil {
				return license, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return license, nil
}

// An audience is one string or several.
type audience []string

func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// Verify gives the claims of a token, as they were signed, if the token was signed by the key and is valid now.
func Verify(key ed25519.PublicKey, token, wanted string, now time.Time) (json.RawMessage, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("not a token")
	}
	// Strict: one token has one spelling.
	decode := base64.RawURLEncoding.Strict().DecodeString
	header, err := decode(parts[0])
	if err != nil {
		return nil, errors.New("not a token: header")
	}
	claims, err := decode(parts[1])
	if err != nil {
		return nil, errors.New("not a token: claims")
	}
	signature, err := decode(parts[2])
	if err != nil {
		return nil, errors.New("not a token: signature")
	}
	// The algorithm follows from the key; a header that names another is refused.
	var head map[string]any
	if json.Unmarshal(header, &head) != nil || head["alg"] != "EdDSA" || head["typ"] != "JWT" {
		return nil, errors.New("not a license token")
	}
	for _, name := range []string{"crit", "jwk", "jku", "x5u", "x5c", "zip", "b64", "enc"} {
		if _, present := head[name]; present {
			return nil, errors.New("not a license token: " + name)
		}
	}
	if kid, present := head["kid"]; present && kid != thumbprint(key) {
		return nil, errors.New("signed by another key")
	}
	if !ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), signature) {
		return nil, errors.New("the signature is wrong")
	}
	license, err := readLicense(claims)
	if err != nil {
		return nil, fmt.Errorf("the claims can't be read: %w", err)
	}
	for _, one := range license.audience {
		if one == wanted {
			return claims, license.validAt(now)
		}
	}
	return nil, errors.New("meant for another audience")
}

func (l license) validAt(now time.Time) error {
	switch {
	case l.subject == "" || l.notBefore == 0:
		return errors.New("not a license")
	case now.Unix() < l.notBefore:
		return errors.New("not yet valid")
	case l.expires != nil && now.Unix() >= *l.expires:
		return errors.New("expired")
	}
	return nil
}

// The kid of a key: its RFC 7638 thumbprint.
func thumbprint(key ed25519.PublicKey) string {
	encode := base64.RawURLEncoding.EncodeToString
	jwk := fmt.Sprintf(`{"crv":"Ed25519","kty":"OKP","x":"%s"}`, encode(key))
	hash := sha256.Sum256([]byte(jwk))
	return encode(hash[:])
}

func readKey(path string) (ed25519.PublicKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("the key is no PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, right := parsed.(ed25519.PublicKey)
	if !right {
		return nil, errors.New("the key is no Ed25519 key")
	}
	return key, nil
}

func main() {
	if len(os.Args) != 3 && len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: verify KEY_FILE TOKEN [AUDIENCE]")
		os.Exit(2)
	}
	key, err := readKey(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	wanted := "license-key"
	if len(os.Args) == 4 {
		wanted = os.Args[3]
	}
	claims, err := Verify(key, os.Args[2], wanted, time.Now())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(claims))
}
