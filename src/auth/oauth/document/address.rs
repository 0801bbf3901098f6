//! Which addresses documents are fetched from: the form of a client id that is
//! an address, and what counts as the public internet.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

const MAX_BYTES: usize = 2000;

/// Whether a client id is the address of a metadata document. Ids that this
/// server gives out itself must not start so.
#[must_use]
pub fn is_address(client_id: &str) -> bool {
    client_id.starts_with("https://")
}

/// A client id as an address, if it has the form that section 3 asks for. Being
/// what a parser would write again rules out dot segments, an absent path, other
/// spellings of an IP address, and whatever else parsers repair in silence.
pub(super) fn parse(client_id: &str) -> Option<Url> {
    if client_id.len() > MAX_BYTES || !is_address(client_id) {
        return None;
    }
    let url = Url::parse(client_id).ok()?;
    (url.as_str() == client_id && is_anonymous(&url) && url.fragment().is_none()).then_some(url)
}

/// Whether this is an address of a page that can be shown as a link.
pub(super) fn is_web(uri: &str) -> bool {
    let url =
        Url::parse(uri).ok().filter(|_| uri.len() <= MAX_BYTES && uri.bytes().all(|byte| byte.is_ascii_graphic()));
    url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && is_anonymous(&url))
}

fn is_anonymous(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

/// How far fetches may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To public addresses. The only one that a server may run with.
    Public,
    /// To this machine and its neighbours as well, for tests against a local server.
    Anywhere,
}

impl Reach {
    /// Whether the address may be gone to. A host that is a name is judged by
    /// [`Resolver`], which is not asked about one that is an IP address.
    pub(super) fn allows_literal(self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host.parse().map_or(true, |address| self.allows(address))
    }

    fn allows(self, address: IpAddr) -> bool {
        self == Self::Anywhere || is_public(address)
    }
}

/// Resolves names by the system, and refuses those with any address out of reach.
/// The connection goes to what this returned, so a name can't change its mind in between.
pub(super) struct Resolver(pub(super) Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            // The port is filled in by the caller.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.is_empty() || !found.iter().all(|address| reach.allows(address.ip())) {
                let refused = io::Error::new(io::ErrorKind::PermissionDenied, "the name has an address out of reach");
                return Err(refused.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Blocks of IPv4 that are not plain public addresses: the special-purpose
/// registry of RFC 6890 as IANA keeps it, multicast, and what is reserved.
const SPECIAL_V4: [(Ipv4Addr, u32); 19] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(192, 175, 48, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
    // Azure's own services to its machines, on a public address.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
];

/// Global unicast of IPv6 (RFC 4291 section 2.4). What is outside is not public:
/// loopback, mapped and compatible forms, unique local, link local, multicast.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Blocks inside of [`GLOBAL_V6`] that are not plain public addresses. Teredo is
/// part of the first, 6to4 is the third: both wrap IPv4 and are out of use.
const SPECIAL_V6: [(Ipv6Addr, u32); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// IPv4 as networks with IPv6 only see it (RFC 6052): all that their names resolve to.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Whether an address is a plain one of the public internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) if in_v6(v6, NAT64) => {
            let [.., a, b, c, d] = v6.octets();
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        IpAddr::V6(v6) => in_v6(v6, GLOBAL_V6) && !SPECIAL_V6.iter().any(|&block| in_v6(v6, block)),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|&(block, bits)| (address.to_bits() ^ block.to_bits()) >> (32 - bits) == 0)
}

fn in_v6(address: Ipv6Addr, (block, bits): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ block.to_bits()) >> (128 - bits) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allowed(client_id: &str) -> Option<bool> {
        parse(client_id).map(|url| Reach::Public.allows_literal(&url))
    }

    #[test]
    fn an_address_is_https_in_normal_form() {
        for good in [
            "https://example.com/client.json",
            "https://example.com/",
            "https://example.com:8443/client",
            "https://example.com/client?v=1",
            "https://example.com/a.b/..c/%41",
            "https://xn--exmple-cua.com/client",
        ] {
            assert_eq!(allowed(good), Some(true), "{good}");
        }
        for bad in [
            "",
            "client",
            "http://example.com/client",
            "HTTPS://example.com/client",
            "https:example.com/client",
            "https:///client",
            "https://example.com",
            "https://example.com?x",
            "https://example.com:443/client",
            "https://EXAMPLE.com/client",
            "https://exämple.com/client",
            "https://example.com/a/./b",
            "https://example.com/a/../b",
            "https://example.com/a/%2e%2E/b",
            "https://example.com/..",
            "https://example.com/a#",
            "https://example.com/a#b",
            "https://me@example.com/a",
            "https://me:pw@example.com/a",
            "https://:pw@example.com/a",
            "https://@example.com/a",
            "https://example.com\\a",
            "https://example.com/a\\b",
            " https://example.com/a",
            "https://example.com/a\n",
            "https://exa\tmple.com/a",
            "https://example.com/ä",
        ] {
            assert_eq!(allowed(bad), None, "{bad}");
        }
        let long = |length: usize| format!("https://example.com/{}", "a".repeat(length - 20));
        assert_eq!((allowed(&long(MAX_BYTES)), allowed(&long(MAX_BYTES + 1))), (Some(true), None));
    }

    #[test]
    fn a_private_address_is_refused_in_every_spelling() {
        let hosts = "
            127.0.0.1 127.1 2130706433 0x7f000001 0x7f.1 0177.0.0.1 127.0.0.1. %3127.0.0.1 ①27.0.0.1
            127。0。0。1 0 0.0.0.0 10.0.0.1 172.31.255.255 192.168.0.1 169.254.169.254 100.100.100.200 [::1]
            [::] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:8.8.8.8]
            [0:0:0:0:0:ffff:10.0.0.1] [64:ff9b::10.0.0.1] [64:ff9b:1::8.8.8.8] [2002:7f00:1::]
            [2001:0:808:808::1] [fe80::1] [fec0::1] [fc00::1] [fd00:ec2::254] [ff02::1] [2001:db8::1]
            [3fff::1] [5f00::1] [100::1]
        ";
        for host in hosts.split_whitespace() {
            assert_ne!(allowed(&format!("https://{host}/client")), Some(true), "{host}");
        }
        for host in ["8.8.8.8", "1.1.1.1", "[2606:4700:4700::1111]", "[64:ff9b::808:808]"] {
            assert_eq!(allowed(&format!("https://{host}/client")), Some(true), "{host}");
        }
    }

    #[test]
    fn the_edges_of_every_block_are_kept() {
        let public = |text: &str| is_public(text.parse().expect("an address"));
        for (before, first, last, after) in [
            ("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
            ("100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"),
            ("126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"),
            ("169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"),
            ("168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17"),
            ("172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"),
            ("191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"),
            ("192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"),
            ("192.31.195.255", "192.31.196.0", "192.31.196.255", "192.31.197.0"),
            ("192.52.192.255", "192.52.193.0", "192.52.193.255", "192.52.194.0"),
            ("192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"),
            ("192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"),
            ("192.175.47.255", "192.175.48.0", "192.175.48.255", "192.175.49.0"),
            ("198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"),
            ("198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"),
            ("203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"),
            ("2000:ffff::", "2001::", "2001:1ff:ffff::", "2001:200::"),
            ("2001:db7:ffff::", "2001:db8::", "2001:db8:ffff::", "2001:db9::"),
            ("2001:ffff::", "2002::", "2002:ffff::", "2003::"),
            ("2620:4f:7fff::", "2620:4f:8000::", "2620:4f:8000:ffff::", "2620:4f:8001::"),
            ("3ffe:ffff::", "3fff::", "3fff:fff:ffff::", "3fff:1000::"),
        ] {
            let seen = [before, first, last, after].map(public);
            assert_eq!(seen, [true, false, false, true], "{first}");
        }
        assert!(!public("0.0.0.0") && !public("0.255.255.255") && public("1.0.0.0"));
        assert!(public("223.255.255.255") && !public("224.0.0.0") && !public("255.255.255.255"));
        assert!(!public("1fff:ffff::") && public("2000::") && !public("4000::"));
    }

    /// IPv4 by what the standard library and the octets say.
    fn plain_v4(address: Ipv4Addr) -> bool {
        !(address.is_private()
            || address.is_loopback()
            || address.is_link_local()
            || address.is_broadcast()
            || address.is_documentation()
            || address.is_multicast()
            || address.is_unspecified()
            || matches!(
                address.octets(),
                [0 | 240..=255, ..]
                    | [100, 64..=127, ..]
                    | [168, 63, 129, 16]
                    | [192, 0, 0, _]
                    | [192, 31, 196, _]
                    | [192, 52, 193, _]
                    | [192, 88, 99, _]
                    | [192, 175, 48, _]
                    | [198, 18 | 19, ..]
            ))
    }

    /// IPv6 by its groups, with every form that wraps IPv4 unwrapped.
    fn plain_v6(address: Ipv6Addr) -> bool {
        match address.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                plain_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
            }
            [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x2620, 0x4f, 0x8000, ..] | [0x3fff, 0..=0xfff, ..] => {
                false
            }
            [first, ..] => (0x2000..0x4000).contains(&first),
        }
    }

    /// Addresses in and right beside the special blocks, and any at all.
    fn v4() -> impl Strategy<Value = Ipv4Addr> {
        let near = (0..SPECIAL_V4.len(), any::<u32>(), -1_i64..=1).prop_map(|(index, low, step)| {
            let (block, bits) = SPECIAL_V4[index];
            let size = 1_i64 << (32 - bits);
            let address = i64::from(block.to_bits()) + step * size + i64::from(low) % size;
            Ipv4Addr::from_bits(u32::try_from(address.rem_euclid(1 << 32)).expect("32 bits"))
        });
        prop_oneof![near, any::<u32>().prop_map(Ipv4Addr::from_bits)]
    }

    fn v6() -> impl Strategy<Value = Ipv6Addr> {
        let first = prop_oneof![
            prop::sample::select(vec![0, 0x64, 0x1fff, 0x2000, 0x2001, 0x2002, 0x2003, 0x2620, 0x3ffe, 0x3fff, 0x4000]),
            any::<u16>(),
        ];
        let second = prop_oneof![
            prop::sample::select(vec![0, 0x4f, 0x1ff, 0x200, 0xdb8, 0xdb9, 0xfff, 0x1000, 0xff9b]),
            any::<u16>(),
        ];
        let third = prop_oneof![Just(0), Just(0x8000), Just(0x8001), any::<u16>()];
        let middle = prop_oneof![Just([0, 0, 0]), Just([0, 0, 0xffff]), any::<[u16; 3]>()];
        (first, second, third, middle, v4()).prop_map(|(first, second, third, middle, v4)| {
            let [a, b, c, d] = v4.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            Ipv6Addr::new(first, second, third, middle[0], middle[1], middle[2], high, low)
        })
    }

    proptest! {
        #[test]
        fn public_ipv4_is_what_the_octets_say(address in v4()) {
            prop_assert_eq!(is_public(address.into()), plain_v4(address));
        }

        #[test]
        fn public_ipv6_is_what_the_groups_say(address in v6()) {
            prop_assert_eq!(is_public(address.into()), plain_v6(address));
        }

        #[test]
        fn no_form_of_ipv6_hides_an_address_that_is_not_public(v4 in v4()) {
            let [a, b, c, d] = v4.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            for wrapped in [
                v4.to_ipv6_mapped(),
                v4.to_ipv6_compatible(),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, !high, !low),
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
            ] {
                prop_assert!(!is_public(wrapped.into()), "{}", wrapped);
            }
            let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low);
            prop_assert_eq!(is_public(nat64.into()), is_public(v4.into()));
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused() {
        let name = || "localhost".parse::<Name>().expect("a name");
        assert!(Resolver(Reach::Public).resolve(name()).await.is_err());
        let mut found = Resolver(Reach::Anywhere).resolve(name()).await.expect("addresses");
        assert!(found.all(|address| address.ip().is_loopback()));
    }
}
