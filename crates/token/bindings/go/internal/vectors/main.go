// Command vectors judges every vector of a folder as docs/vectors/README.md says: go run ./internal/vectors docs/vectors/v1
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	keyward "keyward.example/token"
)

type vector struct {
	Name     string
	Now      int64
	Keys     *string
	Verdict  string
	Token    string
	Claims   *string
	Expected struct {
		Product          *string
		OrProducts       []string `json:"or_products"`
		OrWithoutProduct bool     `json:"or_without_product"`
		Issuers          []string
		Audience         *string
		AnyAudience      bool `json:"any_audience"`
		Organization     *string
		Subject          *string
		LeewaySeconds    int64 `json:"leeway_seconds"`
		MaxTokenBytes    int   `json:"max_token_bytes"`
	}
	Text, Pasted, Form string
	Kids               []string
	Error              *string
	License            string
	Lists              []string
	URI                string
	NotOlderThan       *int64 `json:"not_older_than"`
	MaxTokenBytes      int    `json:"max_token_bytes"`
	MaxListBytes       int    `json:"max_list_bytes"`
	List               string
	IssuedAt           int64  `json:"issued_at"`
	ExpiresAt          *int64 `json:"expires_at"`
	Stale              bool
	Entries            uint64
	Statuses           [][2]uint64
	WarningDays        *int64   `json:"warning_days"`
	LeewaySeconds      int64    `json:"leeway_seconds"`
	MaxListAge         *float64 `json:"max_list_age_seconds"`
	Health             *health
	Built              int64
	KeyHex             string `json:"key_hex"`
	Open               *string
	Tolerance          *int64 `json:"tolerance_seconds"`
	Steps              []step
	ProductID          string  `json:"product_id"`
	ClockTolerance     *uint32 `json:"clock_tolerance_seconds"`
	Question           keyward.Question
	MachineID          string `json:"machine_id"`
	Body               string
	MayRun             bool  `json:"may_run"`
	OfflineSeconds     int64 `json:"offline_seconds"`
	Until              *int64
}

type health struct {
	State, Unknown        string
	StateByTimes          string `json:"state_by_times"`
	Valid                 bool
	Begins, Ends, Expires *int64
	Changes               *int64
	ListAgeSeconds        *int64 `json:"list_age_seconds"`
}

type step struct {
	SawSigned *int64 `json:"saw_signed"`
	Now       *int64
	Ran       float64 `json:"ran_seconds"`
	SetBackBy int64   `json:"set_back_by"`
	At        int64
	Sealed    string
}

func verdict(err error) string {
	if err == nil {
		return "valid"
	}
	return keyward.Code(err)
}

func instant(at time.Time) *int64 {
	if at.IsZero() {
		return nil
	}
	seconds := at.Unix()
	return &seconds
}

func at(seconds int64) time.Time { return time.Unix(seconds, 0) }

// Each gives what is seen and what is wanted.
var parts = map[string]func(v vector, keys, partKeys *keyward.Keyring) (seen, wanted any){
	"tokens": func(v vector, keys, _ *keyward.Keyring) (any, any) {
		var options []keyward.Option
		for _, id := range v.Expected.OrProducts {
			options = append(options, keyward.OrProduct(id))
		}
		for _, issuer := range v.Expected.Issuers {
			options = append(options, keyward.Issuer(issuer))
		}
		for text, option := range map[*string]func(string) keyward.Option{
			v.Expected.Audience: keyward.Audience, v.Expected.Organization: keyward.Organization, v.Expected.Subject: keyward.Subject,
		} {
			if text != nil {
				options = append(options, option(*text))
			}
		}
		if v.Expected.OrWithoutProduct {
			options = append(options, keyward.OrWithoutProduct())
		}
		if v.Expected.AnyAudience {
			options = append(options, keyward.AnyAudience())
		}
		if v.Expected.MaxTokenBytes > 0 {
			options = append(options, keyward.MaxTokenBytes(v.Expected.MaxTokenBytes))
		}
		options = append(options, keyward.LeewaySeconds(v.Expected.LeewaySeconds))
		verifier := keyward.NewAnyProductVerifier(keys, options...)
		if v.Expected.Product != nil {
			verifier = keyward.NewVerifier(keys, *v.Expected.Product, options...)
		}
		license, err := verifier.Verify(v.Token, at(v.Now))
		if err == nil {
			var claims map[string]any
			if v.Claims != nil && license.JSON != *v.Claims || license.Decode(&claims) != nil {
				return license.JSON, *v.Claims
			}
		}
		return verdict(err), v.Verdict
	},
	"pasted": func(v vector, keys, _ *keyward.Keyring) (any, any) {
		left := keyward.Pasted(v.Text)
		_, err := keyward.NewAnyProductVerifier(keys).Verify(left, at(v.Now))
		return []string{left, verdict(err)}, []string{v.Pasted, v.Verdict}
	},
	"keys": func(v vector, _, _ *keyward.Keyring) (any, any) {
		one := func(key *keyward.PublicKey, err error) (*keyward.Keyring, error) {
			if err != nil {
				return nil, err
			}
			return keyward.NewKeyring(key)
		}
		var ring *keyward.Keyring
		err := fmt.Errorf("the form %s", v.Form)
		switch v.Form {
		case "public-pem":
			ring, err = one(keyward.ParsePEM(v.Text))
		case "public-jwk":
			ring, err = one(keyward.ParseJWK(v.Text))
		case "paserk-public":
			ring, err = one(keyward.ParsePASERK(v.Text))
		case "jwks":
			ring, err = keyward.ParseJWKS(v.Text)
		case "pem-bundle":
			ring, err = keyward.ParsePEMBundle(v.Text)
		}
		if err != nil {
			return keyward.Code(err), or(v.Error)
		}
		kids := []string{}
		for _, key := range ring.Keys() {
			kids = append(kids, key.Kid())
		}
		return kids, v.Kids
	},
	"lists": func(v vector, keys, partKeys *keyward.Keyring) (any, any) {
		license, err := keyward.NewAnyProductVerifier(partKeys).Verify(v.License, at(v.Now))
		if err != nil {
			return err, "a license"
		}
		lists := keyward.StatusListVerifier{Keys: keys, URI: v.URI, MaxTokenBytes: v.MaxTokenBytes, MaxListBytes: v.MaxListBytes}
		if v.NotOlderThan != nil {
			lists.NotOlderThan = at(*v.NotOlderThan)
		}
		_, err = lists.Check(v.Lists, license, at(v.Now))
		return verdict(err), v.Verdict
	},
	"tables": func(v vector, keys, _ *keyward.Keyring) (any, any) {
		list, err := keyward.StatusListVerifier{Keys: keys}.Verify(v.List, at(v.Now))
		if err != nil {
			return err, "a list"
		}
		var statuses [][2]uint64
		for index := uint64(0); index < list.Len(); index++ {
			if status, err := list.Status(index); status != 0 || err != nil {
				statuses = append(statuses, [2]uint64{index, uint64(status)})
			}
		}
		seen := []any{list.URI(), list.IssuedAt().Unix(), instant(list.ExpiresAt()), list.IsStale(at(v.Now)), list.Len(), statuses}
		return seen, []any{v.URI, v.IssuedAt, v.ExpiresAt, v.Stale, v.Entries, v.Statuses}
	},
	"health": func(v vector, keys, _ *keyward.Keyring) (any, any) {
		license, err := keyward.NewAnyProductVerifier(keys).Authenticate(v.Token)
		if err != nil {
			return keyward.Code(err), or(v.Error)
		}
		check := keyward.HealthCheck{WarningDays: v.WarningDays, LeewaySeconds: v.LeewaySeconds}
		if v.MaxListAge != nil {
			age := int64(math.Min(*v.MaxListAge, 1<<62))
			check.MaxListAgeSeconds = &age
		}
		if v.Lists != nil {
			check.Lists = []*keyward.StatusList{}
		}
		for _, text := range v.Lists {
			list, err := keyward.StatusListVerifier{Keys: keys}.Verify(text, at(1_800_000_000))
			if err != nil {
				return err, "a list"
			}
			check.Lists = append(check.Lists, list)
		}
		seen := license.Health(at(v.Now), check)
		said := health{State: seen.State, Unknown: seen.Unknown, StateByTimes: seen.StateByTimes, Valid: seen.IsValid(),
			Begins: instant(seen.BeginsAt), Ends: instant(seen.EndsAt), Expires: instant(seen.ExpiresAt), Changes: instant(seen.ChangesAt)}
		if seen.ListAgeSeconds >= 0 {
			said.ListAgeSeconds = &seen.ListAgeSeconds
		}
		return &said, v.Health
	},
	"clock": func(v vector, _, _ *keyward.Keyring) (any, any) {
		key, _ := hex.DecodeString(v.KeyHex)
		floor := keyward.NewClockFloor(at(v.Built))
		if v.Open != nil {
			var err error
			if floor, err = keyward.OpenClockFloor(*v.Open, key, at(v.Built)); err != nil {
				return keyward.Code(err), or(v.Error)
			}
		}
		if v.Tolerance != nil {
			floor.Tolerance = time.Duration(*v.Tolerance) * time.Second
		}
		v.Steps = append([]step(nil), v.Steps...)
		seen := append([]step(nil), v.Steps...)
		for number := range seen {
			step := &seen[number]
			if step.SawSigned != nil {
				floor.SawSigned(at(*step.SawSigned))
			}
			if step.Now != nil {
				ran := time.Duration(math.Min(step.Ran*float64(time.Second), 1<<62))
				step.SetBackBy = floor.Observe(at(*step.Now), ran)
			}
			step.At, step.Sealed = floor.At().Unix(), floor.Seal(key)
		}
		return []any{seen, ""}, []any{v.Steps, or(v.Error)}
	},
	"answers": func(v vector, keys, _ *keyward.Keyring) (any, any) {
		verifier := keyward.NewAnswerVerifier(keys, v.ProductID)
		if v.ClockTolerance != nil {
			verifier = verifier.WithClockTolerance(*v.ClockTolerance)
		}
		_, err := verifier.Verify([]byte(v.Body), v.Question, at(v.Now))
		decided := verifier.Decide(v.Question, []byte(v.Body), nil, at(v.Now), 0)
		said := strings.Replace(verdict(err), "valid", "trusted", 1)
		return []any{said, decided.MayRun}, []any{v.Verdict, v.MayRun}
	},
	"kept": func(v vector, keys, _ *keyward.Keyring) (any, any) {
		verifier, offline := keyward.NewAnswerVerifier(keys, v.ProductID), time.Duration(v.OfflineSeconds)*time.Second
		v.Question.MachineID = v.MachineID
		_, until, err := verifier.Recall([]byte(v.Body), v.Question, at(v.Now), offline)
		decided := verifier.Decide(v.Question, nil, []byte(v.Body), at(v.Now), offline)
		seen := []any{verdict(err), decided.MayRun, instant(decided.Until)}
		if err == nil && !until.Equal(decided.Until) {
			seen = append(seen, until)
		}
		return seen, []any{v.Verdict, v.Verdict == "valid", v.Until}
	},
}

func or(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func judge(name string, v vector, part *keyward.Keyring) (seen, wanted any) {
	defer func() { // a judge that breaks is a failure, too
		if broken := recover(); broken != nil {
			seen, wanted = fmt.Sprint(broken), "a verdict"
		}
	}()
	keys := part
	if v.Keys != nil {
		read, err := keyward.ParseJWKS(*v.Keys)
		if err != nil {
			return err, "keys"
		}
		keys = read
	}
	return parts[name](v, keys, part)
}

func main() {
	files, _ := filepath.Glob(filepath.Join(os.Args[1], "*.json"))
	passed, failed := 0, 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if name == "signing" { // for signers
			continue
		}
		text, err := os.ReadFile(file)
		var part struct {
			Format  int
			Keys    string
			Vectors []vector
		}
		if err == nil {
			err = json.Unmarshal(text, &part)
		}
		keys, fault := keyward.ParseJWKS(part.Keys)
		if err != nil || fault != nil || part.Format != 1 {
			fmt.Println(file, "can't be read:", err, fault)
			os.Exit(1)
		}
		for _, v := range part.Vectors {
			seen, wanted := judge(name, v, keys)
			if reflect.DeepEqual(seen, wanted) {
				passed++
				continue
			}
			failed++
			fmt.Printf("FAILED %s: %s: %v instead of %v\n", name, v.Name, seen, wanted)
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}
