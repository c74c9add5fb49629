//! Whole numbers beyond 64 bits: exact, as Python's are. What leaves a template is their text, as YAML has them.

use super::value::{Object, Py};
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::syntax::BinaryOp;
use crate::value::Value;
use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_traits::{FromPrimitive, Signed, ToPrimitive};

/// More bits than this no number may have: nobody means that.
const LONGEST: u64 = 1 << 20;

/// A number that does not fit into an `i64`.
struct Long(BigInt);

impl Object for Long {
    fn type_name(&self) -> &'static str {
        "int"
    }
    fn text(&self, _: &Context) -> Result<String> {
        Ok(self.0.to_string())
    }
    fn export(&self, _: &Context) -> Result<Value> {
        Ok(Value::from(self.0.to_string()))
    }
    fn as_long(&self) -> Option<&BigInt> {
        Some(&self.0)
    }
}

/// A whole number of any size; also a bool.
pub(crate) fn long(value: &Py) -> Option<BigInt> {
    match value {
        Py::Object(object) => object.as_long().cloned(),
        other => other.as_int().map(BigInt::from),
    }
}

/// Whether it is a whole number beyond 64 bits.
pub(crate) fn is_long(value: &Py) -> bool {
    matches!(value, Py::Object(object) if object.as_long().is_some())
}

/// The number, small or not.
pub(crate) fn whole(value: BigInt) -> Py {
    match value.to_i64() {
        Some(small) => Py::Int(small),
        None => Py::object(Long(value)),
    }
}

/// Digits in a base, with their sign.
pub(crate) fn parse(digits: &str, base: u32) -> Option<Py> {
    BigInt::parse_bytes(digits.as_bytes(), base).map(whole)
}

/// A float's whole part.
pub(crate) fn truncated(value: f64) -> Option<Py> {
    BigInt::from_f64(value.trunc()).map(whole)
}

/// `a op b`.
pub(crate) fn arithmetic(op: BinaryOp, a: &BigInt, b: &BigInt) -> Result<Py> {
    let too_large = || Fault::error("the number is too large");
    let float = |value: &BigInt| value.to_f64().filter(|value| value.is_finite());
    if b.sign() == Sign::NoSign && matches!(op, BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod) {
        return Err(Fault::error(if op == BinaryOp::Mod { "integer modulo by zero" } else { "division by zero" }));
    }
    Ok(match op {
        BinaryOp::Add => whole(a + b),
        BinaryOp::Sub => whole(a - b),
        BinaryOp::Mul if a.bits() + b.bits() > LONGEST => return Err(too_large()),
        BinaryOp::Mul => whole(a * b),
        BinaryOp::Div => {
            let quotient = Some(quotient(a, b)).filter(|quotient| quotient.is_finite());
            Py::Float(quotient.ok_or_else(|| Fault::error("integer division result too large for a float"))?)
        }
        BinaryOp::FloorDiv => whole(a.div_floor(b)),
        BinaryOp::Mod => whole(a.mod_floor(b)),
        BinaryOp::Pow if b.is_negative() => {
            let power = float(a).zip(float(b)).map(|(a, b)| a.powf(b));
            Py::Float(power.ok_or_else(too_large)?)
        }
        BinaryOp::Pow => match b.to_u32() {
            Some(power) if a.bits().saturating_mul(u64::from(power)) <= LONGEST => whole(a.pow(power)),
            _ => return Err(too_large()),
        },
        BinaryOp::Concat => return Err(Fault::error("numbers are not joined")),
    })
}

/// `a / b`, rounded once: enough bits for a float, and one that says whether more are left.
fn quotient(a: &BigInt, b: &BigInt) -> f64 {
    let shift = 66 - (a.bits() as i64 - b.bits() as i64);
    let (a, b) = if shift > 0 { (a << shift, b.clone()) } else { (a.clone(), b << -shift) };
    let (mut whole, rest) = a.div_rem(&b);
    if rest.sign() != Sign::NoSign && whole.is_even() {
        whole += if whole.is_negative() { -1 } else { 1 };
    }
    let half = i32::try_from(shift / 2).unwrap_or_default();
    let other = i32::try_from(shift - shift / 2).unwrap_or_default();
    whole.to_f64().unwrap_or(f64::INFINITY) / 2_f64.powi(half) / 2_f64.powi(other)
}
