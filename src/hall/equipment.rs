//! `[[equipment]]`: what stands in the hall besides cameras and pickups, and how to see that it is on the network (R9, R10).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::EquipmentId;
use super::complaint::{ComplaintKind, Words};
use super::reader::{Need, Reader, Section, show};
use super::sections::id;

/// An item of the equipment inventory (设备清单).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equipment {
    /// Id, different from every other item's.
    pub id: EquipmentId,
    /// What it is.
    pub kind: EquipmentKind,
    /// Name shown to people.
    pub name: Option<String>,
    /// Host name or IP address.
    pub address: String,
    /// How it is reached.
    pub reach: Reach,
}

/// What an item of the inventory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EquipmentKind {
    /// Firewall (防火墙, R9).
    Firewall,
    /// Server (服务器, R10).
    Server,
    /// Recorder (录像机, R10).
    Recorder,
    /// Switch (交换机).
    Switch,
}

impl EquipmentKind {
    /// In Chinese and English.
    pub fn words(self) -> Words {
        match self {
            Self::Firewall => Words::new("防火墙", "firewall"),
            Self::Server => Words::new("服务器", "server"),
            Self::Recorder => Words::new("录像机", "recorder"),
            Self::Switch => Words::new("交换机", "switch"),
        }
    }
}

/// How an item shows that it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// It answers an ICMP echo.
    Ping,
    /// It accepts a TCP connection on this port.
    Tcp(u16),
}

/// Reads the inventory.
pub(super) fn read(reader: &mut Reader, sections: Vec<Section<'_>>) -> Vec<Equipment> {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let mut items = Vec::new();
    for section in sections {
        let Some(item) = item(reader, &section) else { continue };
        let line = reader.line_of(&section, "id");
        if let Some(first) = taken.get(item.id.as_str()) {
            let found = Words::new(
                format!("编号 {} 在第 {first} 行已用过", show(item.id.as_str())),
                format!("the id {} is taken in line {first}", show(item.id.as_str())),
            );
            let right = Words::new("请换一个没有用过的编号", "choose an id that is free");
            reader.error(ComplaintKind::DuplicateId, line, section.key("id"), found, right);
        } else {
            taken.insert(item.id.to_string(), line);
            items.push(item);
        }
    }
    items
}

fn item(reader: &mut Reader, section: &Section<'_>) -> Option<Equipment> {
    reader.refuse_unknown(section, &["id", "kind", "name", "address", "tcp_port"]);
    let id = id(reader, section, "\"FW1\"");
    let kinds = [
        ("firewall", EquipmentKind::Firewall),
        ("server", EquipmentKind::Server),
        ("recorder", EquipmentKind::Recorder),
        ("switch", EquipmentKind::Switch),
    ];
    let kind = reader.choice(section, "kind", &kinds, None);
    let name = reader.text(section, "name", Need::Optional, "\"出口防火墙\"");
    let address = reader.text(section, "address", Need::Required, "\"192.0.2.1\"");
    let port = reader.number(section, "tcp_port", 0, 0..=65_535, Words::new("（0 为 ping）", "(0: ping)"));
    let address = address.filter(|address| {
        let good = url::Host::parse(address.trim()).is_ok() || address.trim().parse::<std::net::IpAddr>().is_ok();
        if !good {
            let line = reader.line_of(section, "address");
            let found = Words::new(format!("写的是 {}", show(address)), format!("found {}", show(address)));
            let right = Words::new("应为 IP 地址或主机名，不带端口", "must be an IP address or a host name, without a port");
            reader.error(ComplaintKind::BadValue, line, section.key("address"), found, right);
        }
        good
    });
    let reach = match u16::try_from(port) {
        Ok(0) | Err(_) => Reach::Ping,
        Ok(port) => Reach::Tcp(port),
    };
    Some(Equipment { id: EquipmentId::new(id?), kind: kind?, name, address: address?.trim().to_owned(), reach })
}
