use super::*;
use std::path::Path;

/// The table `[signature]` of a TOML text as a definition; a stand-in for the policy file's own parser.
pub(crate) fn definition(text: &str) -> Definition {
    let table: toml::Table = text.parse().unwrap();
    let signature = table["signature"].as_table().unwrap();
    let key = signature.get("key").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    let variants = signature.get("variant").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    Definition {
        algorithm: string(signature, "algorithm"),
        message: strings(signature, "message"),
        covers: string(signature, "covers"),
        each: string(signature, "each"),
        prehash: string(signature, "prehash"),
        url: strings(signature, "url"),
        ambiguous: flag(signature, "ambiguous"),
        key: KeyDefinition {
            encoding: string(&key, "encoding"),
            prefix: strings(&key, "prefix"),
            hash: string(&key, "hash"),
            normalize: string(&key, "normalize"),
            min_bytes: number(&key, "min_bytes"),
            max_bytes: number(&key, "max_bytes"),
            min_bits: number(&key, "min_bits"),
        },
        fields: fields(signature),
        variants: variants.iter().map(|variant| self::variant(variant.as_table().unwrap())).collect(),
    }
}

fn variant(table: &toml::Table) -> VariantDefinition {
    let when = table.get("when").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    VariantDefinition {
        when: when.iter().map(|when| condition(when.as_table().unwrap())).collect(),
        algorithm: string(table, "algorithm"),
        message: strings(table, "message"),
        covers: string(table, "covers"),
        each: string(table, "each"),
        fields: fields(table),
    }
}

fn condition(table: &toml::Table) -> ConditionDefinition {
    ConditionDefinition {
        place: place(table),
        method: string(table, "method"),
        body: flag(table, "body"),
        is: strings(table, "is"),
        starts_with: string(table, "starts_with"),
        chars: string(table, "chars"),
        min: number(table, "min"),
        max: number(table, "max"),
        empty: flag(table, "empty"),
        absent: flag(table, "absent"),
    }
}

fn fields(table: &toml::Table) -> std::collections::BTreeMap<String, FieldDefinition> {
    let fields = table.get("fields").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    fields.iter().map(|(name, value)| (name.clone(), field(value.as_table().unwrap()))).collect()
}

fn place(table: &toml::Table) -> PlaceDefinition {
    PlaceDefinition {
        header: strings(table, "header"),
        family: string(table, "family"),
        query: string(table, "query"),
        path: string(table, "path"),
        json: string(table, "json"),
        item: string(table, "item"),
        form: string(table, "form"),
        param: string(table, "param"),
    }
}

fn field(table: &toml::Table) -> FieldDefinition {
    FieldDefinition {
        place: place(table),
        group: string(table, "group"),
        list: string(table, "list"),
        key: string(table, "key"),
        position: table.get("position").map(|position| position.to_string().replace('"', "")),
        prefix: string(table, "prefix"),
        suffix: string(table, "suffix"),
        decode: string(table, "decode"),
        inside: string(table, "inside"),
        role: string(table, "role"),
        encoding: string(table, "encoding"),
        unit: string(table, "unit"),
        tolerance: string(table, "tolerance"),
        many: number(table, "many"),
        any: flag(table, "any"),
        unsigned: table.get("unsigned").and_then(toml::Value::as_bool),
        optional: flag(table, "optional"),
        is: strings(table, "is"),
        equals: string(table, "equals"),
        length: number(table, "length"),
    }
}

fn string(table: &toml::Table, key: &str) -> Option<String> {
    table.get(key).and_then(toml::Value::as_str).map(String::from)
}

fn strings(table: &toml::Table, key: &str) -> Vec<String> {
    match table.get(key) {
        Some(toml::Value::Array(texts)) => texts.iter().map(|text| text.as_str().unwrap().into()).collect(),
        other => other.and_then(toml::Value::as_str).map(String::from).into_iter().collect(),
    }
}

fn flag(table: &toml::Table, key: &str) -> bool {
    table.get(key).and_then(toml::Value::as_bool).unwrap_or(false)
}

fn number(table: &toml::Table, key: &str) -> Option<u64> {
    table.get(key).and_then(toml::Value::as_integer).map(|number| number.try_into().unwrap())
}

/// The scheme of a compiled-in provider.
pub(crate) fn provider(id: &str) -> Scheme {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/providers/{id}.toml"));
    Scheme::build(&definition(&std::fs::read_to_string(file).unwrap())).unwrap()
}

/// A scheme with this message and these fields; the signature is hex in `X-Sig`.
pub(crate) fn with_fields(message: &str, fields: &str) -> Result<Scheme, Vec<Flaw>> {
    Scheme::build(&definition(&format!(
        "[signature]\nalgorithm = 'hmac-sha256'\nmessage = '{message}'\n[signature.fields]\n\
         sig = {{ header = 'X-Sig', role = 'signature', encoding = 'hex' }}\n{fields}"
    )))
}

fn flaws(text: &str) -> Vec<(String, String)> {
    let flaws = Scheme::build(&definition(text)).unwrap_err();
    flaws.into_iter().map(|flaw| (flaw.path.join("."), flaw.message)).collect()
}

/// The only flaw of a scheme, as `path: message`.
fn flaw(message: &str, fields: &str) -> String {
    let flaws = with_fields(message, fields).unwrap_err();
    let texts: Vec<_> =
        flaws.iter().map(|flaw| format!("{}: {}", flaw.path.join("."), flaw.message)).collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    texts.concat()
}

const T: &str = "t = { header = 'X-T', role = 'timestamp', unit = 's' }";

#[test]
fn every_mistake_is_reported_at_once() {
    let found = flaws(
        "[signature]\nalgorithm = 'hmac-sha265'\nmessage = '{bdy}'\ncovers = 'part'\nkey = { encoding = 'b64' }\n\
         [signature.fields]\nt = { header = 'X-T', role = 'timestmp' }\ns = { header = 'X S', role = 'signature' }",
    );
    let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        ["algorithm", "key.encoding", "fields.s.header", "fields.t.role", "message"],
        "{found:?}"
    );
    let help =
        Scheme::build(&definition("[signature]\nalgorithm = 'hmac-sha265'")).unwrap_err()[0].help.clone();
    assert!(help.unwrap().starts_with("did you mean `hmac-sha256`?"));
}

#[test]
fn a_timestamp_or_id_is_signed_or_declared_unsigned() {
    assert!(flaw("{body}", T).starts_with("fields.t: this timestamp is read but not signed"));
    assert!(flaw("{body}", "id = { header = 'X-Id', role = 'id' }").contains("id is read but not signed"));
    assert!(flaw("{body}", "a = { header = 'X-A' }").contains("neither signed nor has a role"));
    assert!(with_fields("{body}", "id = { header = 'X-Id', role = 'id', unsigned = true }").is_ok());
    assert!(flaw("{t}.{body}", &T.replace("unit", "unsigned = true, unit")).starts_with("fields.t.unsigned"));
    let scheme = with_fields("{t}.{body}", T).unwrap();
    assert_eq!(scheme.timestamp.map(|time| (time.tolerance, time.signed)), Some((300, true)));
}

#[test]
fn a_field_is_also_signed_as_part_of_its_place() {
    let signed = |message: &str, place: &str| {
        let fields = format!("t = {{ {place}, role = 'timestamp', unit = 's' }}");
        with_fields(message, &fields).is_ok_and(|scheme| scheme.timestamp.is_some_and(|time| time.signed))
    };
    assert!(signed("{url}|{body}", "query = 't'") && signed("{query}|{body}", "query = 't'"));
    assert!(!signed("{path}|{body}", "query = 't'"));
    assert!(signed("{header:X-T}|{body}", "header = 'X-T'"));
    assert!(!signed("{header:X-T}|{body}", "header = ['X-T', 'X-U']"));
}

#[test]
fn a_message_without_the_body_says_what_it_covers() {
    assert!(flaw("{t}", T).contains("does not hold `{body}`"));
    let text = |covers: &str, message: &str| {
        definition(&format!(
            "[signature]\nalgorithm='hmac-sha1'\nmessage='{message}'\ncovers='{covers}'\n[signature.fields]\n{T}\n\
             s = {{ header = 'X-S', role = 'signature', encoding = 'base64' }}"
        ))
    };
    assert_eq!(Scheme::build(&text("part", "{t}")).unwrap().covers(), Covers::Part);
    assert_eq!(Scheme::build(&text("origin", "{t}")).unwrap().covers(), Covers::Origin);
    assert_eq!(Scheme::build(&text("part", "{t}.{body}")).unwrap_err()[0].path, ["covers"]);
    assert_eq!(Scheme::build(&text("all", "{t}")).unwrap_err()[0].path, ["covers"]);
}

#[test]
fn there_is_one_signature_and_it_does_not_sign_itself() {
    let second = "sig2 = { header = 'X-Sig2', role = 'signature', encoding = 'hex' }";
    assert!(flaw("{body}", second).contains("2 fields have"));
    assert!(flaw("{sig}.{body}", "").contains("`{sig}` cannot stand here"));
    assert!(flaw("{header:x-sig}.{body}", "").contains("place of the signature"));
    let in_query = |url: &str| {
        let text = format!(
            "[signature]\nalgorithm='hmac-sha1'\nmessage='{{url}}.{{body}}'\n{url}\n[signature.fields]\n\
             s = {{ query = 's', role = 'signature', encoding = 'hex' }}"
        );
        Scheme::build(&definition(&text)).is_ok()
    };
    assert!(in_query("url = 'without_query'"), "the address without the place of the signature");
    assert!(!in_query("") && !in_query("url = ['without_query', 'as_given']"));
}

#[test]
fn tolerances_are_bounded() {
    let with = |tolerance: &str| {
        with_fields("{t}.{body}", &T.replace("unit", &format!("tolerance='{tolerance}', unit")))
    };
    for (good, seconds) in [("1s", 1), ("90s", 90), ("5m", 300), ("1h", 3600)] {
        assert_eq!(with(good).unwrap().timestamp.unwrap().tolerance, seconds);
    }
    for bad in ["0s", "2h", "3601s", "5", "m", "-5m", "+5m", "5 m", "1d", "99999999999999999999s", ""] {
        assert_eq!(with(bad).unwrap_err()[0].path, ["fields", "t", "tolerance"], "{bad}");
    }
}

#[test]
fn keys_of_a_field_agree_with_its_role_and_place() {
    for (fields, path) in [
        ("t = { header = 'X-T', role = 'timestamp' }", "fields.t: "),
        ("t = { header = 'X-T', role = 'timestamp', unit = 'h' }", "fields.t.unit: "),
        ("t = { header = 'X-T', query = 't', role = 'timestamp', unit = 's' }", "fields.t: "),
        ("t = { role = 'timestamp', unit = 's' }", "fields.t: "),
        ("t = { header = 'X-T', encoding = 'hex' }", "fields.t.encoding: "),
        ("t = { header = 'X-T', unit = 's' }", "fields.t.unit: "),
        ("t = { header = 'X-T', unsigned = true }", "fields.t.unsigned: "),
        ("t = { header = 'X-T', key = 't' }", "fields.t.key: "),
        ("t = { header = 'X-T', list = ',' }", "fields.t.list: "),
        ("t = { header = 'X-T', list = ',', key = 'a,b' }", "fields.t.key: "),
        ("t = { header = 'X-T', list = ',', key = 'a=' }", "fields.t.key: "),
        ("t = { header = 'X-T', list = ' ', prefix = 'v1 ' }", "fields.t.prefix: "),
        ("t = { header = ['X-T', 'x-t'] }", "fields.t.header: "),
        ("t = { json = 't' }", "fields.t.json: "),
        ("t = { item = '/t' }", ": "),
        ("t = { header = 'X-T', form = 'x' }", "fields.t: "),
        ("t = { header = 'X-T', length = 0 }", "fields.t.length: "),
        ("t = { header = 'X-T', position = 0 }", "fields.t.position: "),
        ("t = { header = 'X-T', list = ',', position = '-1' }", "fields.t.position: "),
        ("t = { header = 'X-T', decode = 'base32' }", "fields.t.decode: "),
        ("t = { header = 'X-T', inside = 'a' }", "fields.t.inside: "),
        ("t = { header = 'X-T', equals = '{bdy}' }", "fields.t.equals: "),
        ("t = { header = 'X-T', role = 'timestamp', unit = 's', optional = true }", "fields.t.optional: "),
        ("t = { query = '' }", "fields.t: "),
        ("t = { path = 't', role = 'timestamp', unit = 's' }", "fields.t.path: "),
        ("t = { header = 'X T' }", "fields.t.header: "),
        ("t = { header = 'X-T', role = 'time' }", "fields.t.role: "),
        ("body = { header = 'X-T', role = 'id', unsigned = true }\nt = { header = 'X-U' }", "fields.body: "),
    ] {
        let flaws = with_fields("{t}.{body}", fields).unwrap_err();
        let first = &flaws[0];
        assert_eq!(format!("{}: ", first.path.join(".")), path, "{fields}: {flaws:?}");
        assert_eq!(flaws.len(), 1, "{fields}: {flaws:?}");
    }
    assert!(flaw("{body}", "id = { json = 'id', role = 'id' }").starts_with("fields.id.json: "));
    assert!(
        flaw("{body}", "id = { json = '/id', role = 'id', unsigned = true }")
            .starts_with("fields.id.unsigned")
    );
}

#[test]
fn many_belongs_to_a_list_of_signatures() {
    let with = |keys: &str| {
        let text = format!(
            "[signature]\nalgorithm='hmac-sha1'\nmessage='{{body}}'\n[signature.fields]\n\
             s = {{ header = 'X-S', role = 'signature', encoding = 'hex', {keys} }}"
        );
        Scheme::build(&definition(&text))
    };
    assert_eq!(with("list = ',', many = 10").unwrap().signature.many, 10);
    for bad in ["many = 2", "list = ',', many = 0", "list = ',', many = 11"] {
        assert_eq!(with(bad).unwrap_err()[0].path, ["fields", "s", "many"], "{bad}");
    }
}

#[test]
fn a_hash_that_can_be_extended_is_warned_of() {
    let warned = |message: &str| {
        let text = format!(
            "[signature]\nalgorithm='sha256'\nmessage='{message}'\n[signature.fields]\n\
             s = {{ header = 'X-S', role = 'signature', encoding = 'hex' }}"
        );
        let scheme = Scheme::build(&definition(&text)).unwrap();
        scheme.warnings().iter().any(|warning| warning.contains("length extension"))
    };
    assert!(warned("{secret}.{body}") && warned("{secret}{body}"));
    assert!(!warned("{body}{secret}") && !warned("{secret}.{body}.{secret}"));
}

#[test]
fn variable_parts_need_something_between_them() {
    let id = "id = { header = 'X-Id', role = 'id' }";
    assert!(flaw("{id}{body}", id).contains("nothing stands between `{id}` and `{body}`"));
    assert!(with_fields("{id}.{body}", id).unwrap().warnings().is_empty());
    // A time is bounded, so that nothing can be moved out of it or into it.
    assert!(with_fields("{t}{body}", T).unwrap().warnings().is_empty());
    assert!(
        with_fields("{id}{body}", &id.replace("'id'", "'id', length = 36")).unwrap().warnings().is_empty()
    );
    assert_eq!(with_fields("{url}{body}", "").unwrap().warnings().len(), 1);
    assert!(with_fields("{param:x}{body}", "").unwrap().warnings().is_empty());
    assert!(flaw("{body}.{body}", "").contains("more than once"));
}

#[test]
fn what_a_source_must_bring_is_told() {
    let scheme =
        with_fields("{url}.{param:hook}.{a}.{header:X-B}.{body}", "a = { path = 'tenant' }").unwrap();
    assert!(scheme.signs_url());
    assert_eq!(scheme.params(), ["hook"]);
    assert_eq!(scheme.captures().collect::<Vec<_>>(), ["tenant"]);
    assert_eq!(scheme.headers_read(), ["x-b", "x-sig"]);
}

#[test]
fn every_provider_file_is_a_safe_scheme() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/providers");
    let mut count = 0;
    for file in std::fs::read_dir(directory).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        if !text.contains("[signature]") {
            continue; // tokens are no matter of this room
        }
        let schemes = Schemes::build(&definition(&text)).unwrap();
        // What a sender leaves no choice in is said to be weak, and taken.
        let weak = |warning: &&String| warning.contains("SHA-1") || warning.contains("length extension");
        let warned = schemes.all().flat_map(Scheme::warnings).any(|warning| !weak(&warning));
        assert!(!warned, "{text}");
        count += 1;
    }
    assert!(count >= 7, "{count} files");
}
