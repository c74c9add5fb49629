//! `%` and `str.format`.

use super::long;
use super::number::float_text;
use super::text::{repr, text};
use super::value::{Args, Py};
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};

/// How a field is laid out.
#[derive(Default, Clone)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    thousands: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// `format % arguments`.
pub(crate) fn percent(context: &Context, format: &str, arguments: &Py) -> Result<Py> {
    let mut positional = match arguments {
        Py::Tuple(items) => items.iter().cloned().collect::<Vec<_>>().into_iter(),
        other => vec![other.clone()].into_iter(),
    };
    let mapping = arguments.entries(context)?;
    let mut used_mapping = false;
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    let missing = || Fault::error("not enough arguments for format string");
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut key = None;
        if chars.next_if_eq(&'(').is_some() {
            key = Some(chars.by_ref().take_while(|c| *c != ')').collect::<String>());
        }
        let mut spec = Spec { align: Some('>'), ..Spec::default() };
        while let Some(flag) = chars.next_if(|c| "#0- +".contains(*c)) {
            match flag {
                '#' => spec.alternate = true,
                '0' => spec.zero = true,
                '-' => spec.align = Some('<'),
                flag => spec.sign = Some(flag),
            }
        }
        if chars.next_if_eq(&'*').is_some() {
            let width = positional.next().and_then(|width| width.as_int()).ok_or_else(missing)?;
            spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(0);
            if width < 0 {
                spec.align = Some('<');
            }
        } else {
            spec.width = digits(&mut chars).unwrap_or(0);
        }
        if chars.next_if_eq(&'.').is_some() {
            spec.precision = if chars.next_if_eq(&'*').is_some() {
                let precision = positional.next().and_then(|value| value.as_int()).ok_or_else(missing)?;
                Some(usize::try_from(precision).unwrap_or(0))
            } else {
                Some(digits(&mut chars).unwrap_or(0))
            };
        }
        while chars.next_if(|c| "hlL".contains(*c)).is_some() {}
        let Some(kind) = chars.next() else { return Err(Fault::error("incomplete format")) };
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = match &key {
            Some(key) => {
                arguments.clone().used()?;
                let Some(mapping) = &mapping else { return Err(Fault::error("format requires a mapping")) };
                used_mapping = true;
                mapping.get(key.as_str()).cloned().ok_or_else(|| Fault::error(format!("'{key}'")))?
            }
            None => positional.next().ok_or_else(missing)?,
        };
        out.push_str(&percent_field(context, kind, spec, value.force().used()?)?);
    }
    // What is undefined is as good as nothing where the format has no place for it.
    let ignored = used_mapping || mapping.is_some() || matches!(arguments, Py::Marker(_) | Py::Unknown(_));
    if !ignored && positional.next().is_some() {
        return Err(Fault::error("not all arguments converted during string formatting"));
    }
    Ok(Py::str(out))
}

fn digits(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<usize> {
    let mut number = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        chars.next();
        number = Some(number.unwrap_or(0_usize).saturating_mul(10).saturating_add(digit as usize));
    }
    number
}

fn percent_field(context: &Context, kind: char, mut spec: Spec, value: Py) -> Result<String> {
    match kind {
        's' | 'r' | 'a' => {
            let shown = if kind == 's' { text(context, &value)? } else { repr(context, &value)? };
            spec.zero = false;
            Ok(lay_out(&cut(&shown, spec.precision), &spec))
        }
        'c' => match &value {
            Py::Str(text) if text.chars().count() == 1 => Ok(lay_out(text, &spec)),
            other => match other.as_int().and_then(|code| char::from_u32(u32::try_from(code).ok()?)) {
                Some(c) => Ok(lay_out(&c.to_string(), &spec)),
                None => Err(Fault::error("%c requires int or char")),
            },
        },
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
            let whole = match &value {
                Py::Float(value) if !"xXo".contains(kind) => long::truncated(*value),
                other => long::long(other).map(long::whole),
            };
            let Some(whole) = whole else {
                let need = if "xXo".contains(kind) { "an integer is required" } else { "a real number is required" };
                return Err(Fault::error(format!("%{kind} format: {need}, not {}", value.type_name())));
            };
            spec.kind = Some(if "iu".contains(kind) { 'd' } else { kind });
            if let Some(precision) = spec.precision.take() {
                let whole = long::long(&whole).unwrap_or_default();
                let digits = format!("{:0>precision$}", whole.magnitude().to_string());
                let sign = if whole.sign() == num_bigint::Sign::Minus { "-" } else { "" };
                return Ok(lay_out(&format!("{sign}{digits}"), &spec));
            }
            number(&whole, &spec)
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            let Some(float) = value.as_float() else {
                return Err(Fault::error(format!("must be real number, not {}", value.type_name())));
            };
            spec.kind = Some(kind);
            number(&Py::Float(float), &spec)
        }
        other => Err(Fault::error(format!("unsupported format character '{other}' (0x{:x})", other as u32))),
    }
}

fn cut(text: &str, precision: Option<usize>) -> String {
    match precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text.to_owned(),
    }
}

/// Pads to the width; zeros go behind the sign.
fn lay_out(body: &str, spec: &Spec) -> String {
    let missing = spec.width.saturating_sub(body.chars().count());
    if missing == 0 {
        return body.to_owned();
    }
    let fill = spec.fill.unwrap_or(' ');
    let pad = |count: usize, c: char| std::iter::repeat_n(c, count).collect::<String>();
    if (spec.zero && spec.align != Some('<') && spec.fill.is_none()) || spec.align == Some('=') {
        let (sign, digits) = match body.strip_prefix(['+', '-', ' ']) {
            Some(digits) => (&body[..1], digits),
            None => ("", body),
        };
        return format!("{sign}{}{digits}", pad(missing, spec.fill.unwrap_or('0')));
    }
    match spec.align {
        Some('>') => format!("{}{body}", pad(missing, fill)),
        Some('^') => format!("{}{body}{}", pad(missing / 2, fill), pad(missing - missing / 2, fill)),
        _ => format!("{body}{}", pad(missing, fill)),
    }
}

/// A number by its specification.
fn number(value: &Py, spec: &Spec) -> Result<String> {
    let kind = spec.kind.unwrap_or(if matches!(value, Py::Float(_)) { '\0' } else { 'd' });
    let (negative, digits) = match (value, kind) {
        (_, 'd' | 'n') | (_, 'x' | 'X' | 'o' | 'b') => {
            let Some(whole) = long::long(value) else {
                return Err(Fault::error(format!("Unknown format code '{kind}' for object of type 'float'")));
            };
            let size = whole.magnitude();
            let (prefix, digits) = match kind {
                'x' => ("0x", format!("{size:x}")),
                'X' => ("0X", format!("{size:X}")),
                'o' => ("0o", format!("{size:o}")),
                'b' => ("0b", format!("{size:b}")),
                _ => ("", size.to_string()),
            };
            (whole.sign() == num_bigint::Sign::Minus, if spec.alternate { format!("{prefix}{digits}") } else { digits })
        }
        (value, kind) => {
            let float = value.as_float().unwrap_or_default();
            (float.is_sign_negative(), float_digits(float.abs(), kind, spec)?)
        }
    };
    let digits = match spec.thousands {
        Some(separator) => group(&digits, separator),
        None => digits,
    };
    let sign = match (negative, spec.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    };
    let mut spec = spec.clone();
    spec.align = spec.align.or(Some('>'));
    Ok(lay_out(&format!("{sign}{digits}"), &spec))
}

fn float_digits(value: f64, kind: char, spec: &Spec) -> Result<String> {
    let precision = spec.precision.unwrap_or(6);
    if !value.is_finite() {
        return Ok(float_text(value));
    }
    let exponent = |text: String| match text.split_once('e') {
        Some((mantissa, power)) => {
            let power: i32 = power.parse().unwrap_or_default();
            format!("{mantissa}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
        }
        None => text,
    };
    Ok(match kind {
        'f' | 'F' => format!("{value:.precision$}"),
        '%' => format!("{:.precision$}%", value * 100.0),
        'e' => exponent(format!("{value:.precision$e}")),
        'E' => exponent(format!("{value:.precision$e}")).to_uppercase(),
        'g' | 'G' | '\0' => {
            if kind == '\0' && spec.precision.is_none() {
                return Ok(float_text(value));
            }
            let digits = precision.max(1);
            let scientific = format!("{value:.*e}", digits - 1);
            let power: i32 = scientific.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or_default();
            let trim = |text: &str| match (text.contains('.'), spec.alternate) {
                (true, false) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                _ => text.to_owned(),
            };
            let text = if value != 0.0 && (power < -4 || power >= digits as i32) {
                let (mantissa, _) = scientific.split_once('e').unwrap_or((&scientific, ""));
                exponent(format!("{}e{power}", trim(mantissa)))
            } else {
                let decimals = usize::try_from(digits as i32 - 1 - power).unwrap_or(0);
                trim(&format!("{value:.decimals$}"))
            };
            if kind == 'G' { text.to_uppercase() } else { text }
        }
        other => return Err(Fault::error(format!("Unknown format code '{other}' for object of type 'float'"))),
    })
}

/// `1234567` as `1,234,567`.
fn group(digits: &str, separator: char) -> String {
    let (whole, rest) = digits.split_at(digits.find(['.', 'e', '%']).unwrap_or(digits.len()));
    let mut out = String::new();
    for (index, c) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            out.push(separator);
        }
        out.push(c);
    }
    out + rest
}

/// `text.format(…)`.
pub(crate) fn format_method(context: &Context, format: &str, args: Args) -> Result<Py> {
    let mut automatic = 0;
    Ok(Py::str(expand(context, format, &args, &mut automatic)?))
}

fn expand(context: &Context, format: &str, args: &Args, automatic: &mut usize) -> Result<String> {
    let mut out = String::new();
    let mut rest = format;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if rest.starts_with(brace) {
            out.push_str(brace);
            rest = &rest[1..];
            continue;
        }
        if brace == "}" {
            return Err(Fault::error("Single '}' encountered in format string"));
        }
        let mut depth = 1;
        let end = rest.find(|c| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let Some(end) = end else { return Err(Fault::error("expected '}' before end of string")) };
        let field = &rest[..end];
        rest = &rest[end + 1..];
        let (name, spec) = field.split_once(':').unwrap_or((field, ""));
        let (name, conversion) = name.split_once('!').unwrap_or((name, ""));
        let value = field_value(context, name, args, automatic)?;
        let spec = expand(context, spec, args, automatic)?;
        let value = match conversion {
            "" => value,
            "s" => Py::str(text(context, &value)?),
            "r" | "a" => Py::str(repr(context, &value)?),
            other => return Err(Fault::error(format!("Unknown conversion specifier {other}"))),
        };
        out.push_str(&format_field(context, &value, &spec)?);
    }
    out.push_str(rest);
    Ok(out)
}

fn field_value(context: &Context, name: &str, args: &Args, automatic: &mut usize) -> Result<Py> {
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (head, mut path) = name.split_at(end);
    let positional = |at: usize| {
        args.positional
            .get(at)
            .cloned()
            .ok_or_else(|| Fault::error(format!("Replacement index {at} out of range for positional args tuple")))
    };
    let mut value = if head.is_empty() {
        *automatic += 1;
        positional(*automatic - 1)?
    } else if let Ok(at) = head.parse() {
        positional(at)?
    } else {
        let found = args.named.iter().find(|(key, _)| &**key == head);
        found.map(|(_, value)| value.clone()).ok_or_else(|| Fault::error(format!("'{head}'")))?
    };
    while !path.is_empty() {
        if let Some(rest) = path.strip_prefix('.') {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            value = context.attribute(&value, &rest[..end]).used()?;
            path = &rest[end..];
        } else {
            let rest = &path[1..];
            let end = rest.find(']').ok_or_else(|| Fault::error("Missing ']' in format string"))?;
            let key = rest[..end].parse::<i64>().map_or_else(|_| Py::str(&rest[..end]), Py::Int);
            value = context.item(&value, &key).used()?;
            path = &rest[end + 1..];
        }
    }
    value.force().used()
}

fn format_field(context: &Context, value: &Py, spec: &str) -> Result<String> {
    if spec.is_empty() {
        return text(context, value);
    }
    if let Py::Object(object) = value
        && let Some(date) = object.as_date()
    {
        return date.strftime(spec);
    }
    let spec = parse_spec(spec)?;
    match value {
        value if matches!(value, Py::Int(_) | Py::Float(_)) || long::is_long(value) => {
            if matches!(spec.kind, Some('f' | 'F' | 'e' | 'E' | 'g' | 'G' | '%')) {
                return number(&Py::Float(value.as_float().unwrap_or_default()), &spec);
            }
            number(value, &spec)
        }
        // With a specification it is the number that it is in Python.
        Py::Bool(flag) => number(&Py::Int(i64::from(*flag)), &spec),
        Py::Str(_) if spec.kind.is_some_and(|kind| kind != 's') => {
            let kind = spec.kind.unwrap_or_default();
            Err(Fault::error(format!("Unknown format code '{kind}' for object of type 'str'")))
        }
        Py::Str(text) => Ok(lay_out(&cut(text, spec.precision), &Spec { zero: false, ..spec })),
        other => Err(Fault::error(format!("unsupported format string passed to {}.__format__", other.type_name()))),
    }
}

fn parse_spec(text: &str) -> Result<Spec> {
    let mut spec = Spec::default();
    let mut chars = text.chars().peekable();
    let mut ahead = text.chars();
    let (first, second) = (ahead.next(), ahead.next());
    if let Some(align) = second.filter(|c| "<>=^".contains(*c)) {
        spec.fill = first;
        spec.align = Some(align);
        chars.nth(1);
    } else if let Some(align) = first.filter(|c| "<>=^".contains(*c)) {
        spec.align = Some(align);
        chars.next();
    }
    spec.sign = chars.next_if(|c| "+- ".contains(*c));
    spec.alternate = chars.next_if_eq(&'#').is_some();
    spec.zero = chars.next_if_eq(&'0').is_some() && spec.align.is_none();
    spec.width = digits(&mut chars).unwrap_or(0);
    spec.thousands = chars.next_if(|c| ",_".contains(*c));
    if chars.next_if_eq(&'.').is_some() {
        spec.precision = Some(digits(&mut chars).ok_or_else(|| Fault::error("Format specifier missing precision"))?);
    }
    spec.kind = chars.next();
    if chars.next().is_some() {
        return Err(Fault::error(format!("Invalid format specifier '{text}'")));
    }
    Ok(spec)
}
