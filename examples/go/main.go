// Verifies a Keyward license offline, with the module keyward.example/token.
//
//	go run . JWKS_FILE PRODUCT_ID TOKEN [AUDIENCE [NOW]]
//
// JWKS_FILE has the vendor's public keys, as /o/ORGANIZATION/jwks.json gives them; PRODUCT_ID is that of the application, or
// `any`. Prints the claims and ends 0, or the reason and ends 1. A vendor would embed the keys in the program (go:embed) and
// take the token from LICENSE_KEY. NOW, in seconds since 1970, is for tests.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	keyward "keyward.example/token"
)

func main() {
	if len(os.Args) < 4 || len(os.Args) > 6 {
		fmt.Fprintln(os.Stderr, "usage: verify JWKS_FILE PRODUCT_ID|any TOKEN [AUDIENCE [NOW]]")
		os.Exit(2)
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	keys, err := keyward.ParseJWKS(string(text))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	var options []keyward.Option
	now := time.Now()
	if len(os.Args) > 4 {
		options = append(options, keyward.Audience(os.Args[4]))
	}
	if len(os.Args) > 5 {
		seconds, _ := strconv.ParseInt(os.Args[5], 10, 64)
		now = time.Unix(seconds, 0)
	}
	verifier := keyward.NewVerifier(keys, os.Args[2], options...)
	if os.Args[2] == "any" {
		verifier = keyward.NewAnyProductVerifier(keys, options...)
	}
	license, err := verifier.Verify(keyward.Pasted(os.Args[3]), now)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", keyward.Code(err), err)
		os.Exit(1)
	}
	fmt.Println(license.JSON)
}
