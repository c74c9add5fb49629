//! Networks taken apart, put together and counted through.

use super::super::Table;
use super::super::basic::text_of;
use super::address::Net;
use super::hardware;
use super::ipaddr::{Subject, at};
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py};

pub(super) const TABLE: Table = &[
    ("ipsubnet", subnet),
    ("nthhost", nth_host),
    ("ipmath", math),
    ("cidr_merge", merge),
    ("network_in_network", |context, value, args| inside(context, &value, args, false)),
    ("network_in_usable", |context, value, args| inside(context, &value, args, true)),
    ("reduce_on_network", reduce),
    ("next_nth_usable", |context, value, args| nth_usable(context, &value, args, 1)),
    ("previous_nth_usable", |context, value, args| nth_usable(context, &value, args, -1)),
    ("slaac", slaac),
    ("ip4_hex", hex),
];

fn block(context: &Context, value: &Py) -> Result<Option<Net>> {
    Ok(Subject::read(context, value, None)?.map(|subject| subject.block()))
}

fn subnet(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [query, index] = args.bind(["query", "index"])?;
    let Some(net) = block(context, &value)?.map(|net| net.cidr()) else { return Ok(Py::Bool(false)) };
    let query = text_of(context, query.as_ref())?.unwrap_or_default();
    if query.is_empty() {
        return Ok(Py::str(net.to_string()));
    }
    let Ok(size) = query.parse::<u32>() else { return position(&net, &query) };
    if size > net.bits() {
        return Ok(Py::Bool(false));
    }
    let index = index.filter(|index| !matches!(index, Py::None)).map(|index| context.text(&index)).transpose()?;
    let index = index.map(|text| text.parse::<i128>().map_err(|_| Fault::error(format!("'{text}' is no number"))));
    let index = index.transpose()?;
    if net.span() == 0 {
        // The networks around an address, the largest first.
        let (around, last) = (i128::from(net.bits() - size), i128::from(net.bits()) + 1);
        let number = match index {
            Some(index) if index > last - index || index < -around => return Ok(Py::Bool(false)),
            Some(index) if index < 0 => index + around,
            index => index.unwrap_or(0),
        };
        let more = u32::try_from(number).ok().filter(|_| number < around);
        let prefix = size + more.ok_or_else(|| Fault::error(format!("there is no network {number} around {net}")))?;
        return Ok(Py::str(Net { prefix, ..net }.cidr().to_string()));
    }
    if size < net.prefix && index.is_some() {
        return Ok(if index == Some(0) { Py::str(Net { prefix: size, ..net }.to_string()) } else { Py::Bool(false) });
    }
    let Some(more) = size.checked_sub(net.prefix) else {
        return Err(Fault::error(format!("Requested subnet size of {size} is invalid")));
    };
    let count = 1_u128.checked_shl(more);
    let Some(index) = index else {
        return Ok(Py::str(
            count.map_or_else(|| "340282366920938463463374607431768211456".to_owned(), |count| count.to_string()),
        ));
    };
    let index = if index < 0 {
        count.and_then(|count| count.checked_sub(index.unsigned_abs()))
    } else {
        Some(index.unsigned_abs())
    };
    match index.filter(|index| count.is_none_or(|count| *index < count)) {
        Some(index) => {
            let ip = net.ip + index.checked_shl(net.bits() - size).unwrap_or(0);
            Ok(Py::str(Net { prefix: size, ip, ..net }.to_string()))
        }
        None => Ok(Py::Bool(false)),
    }
}

/// Which of the networks of its size inside `query` this one is, from 1.
fn position(net: &Net, query: &str) -> Result<Py> {
    let outer = Net::parse(query)
        .ok_or_else(|| Fault::error(format!("You must pass a valid subnet or IP address; {query} is invalid")))?;
    if !outer.contains(net) {
        return Err(Fault::error(format!("{net} is not in the subnet {}", outer.cidr())));
    }
    let number = (net.ip - outer.network()) >> (net.bits() - net.prefix).min(127);
    Ok(Py::str((number + 1).to_string()))
}

fn nth_host(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [query] = args.bind(["query"])?;
    let nth = text_of(context, query.as_ref())?.and_then(|text| text.parse::<i128>().ok());
    let (Some(net), Some(nth)) = (block(context, &value)?, nth) else { return Ok(Py::Bool(false)) };
    Ok(at(&net, nth).map_or(Py::Bool(false), |ip| Py::str(net.show(ip))))
}

fn math(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [amount] = args.bind(["amount"])?;
    let text = context.text(&value)?;
    let net = Net::parse(&text);
    let net = net.ok_or_else(|| Fault::error(format!("You must pass a valid IP address; {text} is invalid")))?;
    let amount = amount.unwrap_or(Py::None);
    let Some(number) = amount.as_int() else {
        let shown = context.text(&amount)?;
        return Err(Fault::error(format!("You must pass an integer for arithmetic; {shown} is not a valid integer")));
    };
    let ip = net.ip.checked_add_signed(number.into()).filter(|ip| net.v6 || *ip <= u128::from(u32::MAX));
    ip.map(|ip| Py::str(net.show(ip))).ok_or_else(|| Fault::error("result outside valid IP address boundary!"))
}

fn merge(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [action] = args.bind(["action"])?;
    let action = text_of(context, action.as_ref())?.unwrap_or_else(|| "merge".into());
    let mut nets = Vec::new();
    for item in value.iterate()? {
        let text = context.text(&item)?;
        let net = Net::parse(&text)
            .ok_or_else(|| Fault::error(format!("cidr_merge: error in netaddr:\ninvalid IPNetwork {text}")))?;
        nets.push(net);
    }
    match &*action {
        "merge" => Ok(Py::strings(merged(nets).iter().map(Net::to_string))),
        "span" => match nets.as_slice() {
            [] => Ok(Py::None),
            [only] => Ok(Py::str(only.to_string())),
            [first, rest @ ..] => {
                if rest.iter().any(|net| net.v6 != first.v6) {
                    return Err(Fault::error(
                        "cidr_merge: error in netaddr:\nIP sequence elements must be of the same version",
                    ));
                }
                let holds_all = |prefix: &u32| {
                    let outer = Net { prefix: *prefix, ..*first };
                    nets.iter().all(|net| outer.network() <= net.network() && net.last() <= outer.last())
                };
                let prefix = (0..=first.prefix).rev().find(holds_all).unwrap_or(0);
                Ok(Py::str(Net { prefix, ..*first }.cidr().to_string()))
            }
        },
        other => Err(Fault::error(format!("cidr_merge: invalid action '{other}'"))),
    }
}

/// The fewest networks that have the same addresses. What touches no other stays as it was written.
fn merged(mut nets: Vec<Net>) -> Vec<Net> {
    nets.sort_by_key(|net| (net.v6, net.network(), net.prefix));
    let mut out: Vec<Net> = Vec::new();
    for net in nets {
        let touches =
            |last: &Net| last.v6 == net.v6 && last.last().checked_add(1).is_none_or(|next| next >= net.network());
        let Some(last) = out.last_mut().filter(|last| touches(last)) else {
            out.push(net);
            continue;
        };
        *last = last.cidr();
        if last.contains(&net.cidr()) {
            continue;
        }
        out.push(net.cidr());
        // Two halves make a whole, which may be a half in turn.
        while let [.., low, high] = out.as_slice() {
            let whole = Net { prefix: low.prefix.wrapping_sub(1), ..*low };
            let halves = low.v6 == high.v6 && low.prefix == high.prefix && low.prefix > 0;
            if !halves || whole.network() != low.ip || !whole.contains(high) {
                break;
            }
            out.truncate(out.len() - 2);
            out.push(whole);
        }
    }
    out
}

fn bounds(net: &Net, usable: bool) -> (u128, u128) {
    let whole = (net.network(), net.last());
    if usable { net.usable().unwrap_or(whole) } else { whole }
}

fn holds(outer: &Net, inner: &Net, usable: bool) -> bool {
    let ((first, last), (low, high)) = (bounds(outer, usable), bounds(inner, false));
    outer.v6 == inner.v6 && first <= low && high <= last
}

fn inside(context: &Context, value: &Py, args: Args, usable: bool) -> Result<Py> {
    let [test] = args.bind(["test"])?;
    let outer = Subject::read(context, value, None)?.map(|subject| subject.net.cidr());
    let inner = Subject::read(context, &test.unwrap_or(Py::None), None)?.map(|subject| subject.net.cidr());
    Ok(Py::Bool(matches!((outer, inner), (Some(outer), Some(inner)) if holds(&outer, &inner, usable))))
}

fn reduce(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [network] = args.bind(["network"])?;
    let network = Subject::read(context, &network.unwrap_or(Py::None), None)?;
    let Some(network) = network else { return Err(Fault::error("needs a network")) };
    let mut kept = Vec::new();
    for item in value.iterate()? {
        let address = Subject::read(context, &item, None)?;
        if address.is_some_and(|address| holds(&network.net.cidr(), &address.net.cidr(), false)) {
            kept.push(item);
        }
    }
    Ok(Py::list(kept))
}

fn nth_usable(context: &Context, value: &Py, args: Args, sign: i128) -> Result<Py> {
    let [offset] = args.bind(["offset"])?;
    let Some(net) = block(context, value)? else { return Ok(Py::Bool(false)) };
    let Some(offset) = offset.and_then(|offset| offset.as_int()) else {
        return Err(Fault::error("Must pass in an integer"));
    };
    let Some((first, last)) = net.usable() else { return Ok(Py::None) };
    let ip = net.ip.checked_add_signed(sign * i128::from(offset)).filter(|ip| (first..=last).contains(ip));
    Ok(ip.map_or(Py::None, |ip| Py::str(net.show(ip))))
}

/// The address that a host with this hardware address takes by itself (RFC 4862).
fn slaac(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [query] = args.bind(["query"])?;
    let mac = text_of(context, query.as_ref())?.and_then(|text| hardware::parse(&text));
    let net = block(context, &value)?.filter(|net| net.v6);
    let (Some(net), Some(mac)) = (net, mac) else { return Ok(Py::Bool(false)) };
    let (high, low) = (mac >> 24, mac & 0xff_ffff);
    let host = (high << 40 | 0xff_fe00_0000 | low) ^ 1 << 57;
    Ok(Py::str(net.show(net.network().wrapping_add(host.into()))))
}

fn hex(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [delimiter] = args.bind(["delimiter"])?;
    let delimiter = text_of(context, delimiter.as_ref())?.unwrap_or_default();
    let text = context.text(&value)?;
    let net = Net::parse(&text).filter(|net| !net.v6 && !text.contains('/'));
    let net = net.ok_or_else(|| Fault::error(format!("You must pass a valid IP address; {text} is invalid")))?;
    let bytes = (net.ip as u32).to_be_bytes().map(|byte| format!("{byte:02x}"));
    Ok(Py::str(bytes.join(&delimiter)))
}
