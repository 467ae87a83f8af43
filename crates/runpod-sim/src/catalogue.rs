//! The default catalogue: GPU types with memory and prices of August 2026, CPU flavours, data centres.
//! For tests and demos only; a client reads the catalogue and knows none of this.

/// A GPU type: id, memory in GB, dollars per hour in hundredths on SECURE and COMMUNITY; 0 = not offered.
pub(crate) struct Gpu {
    pub(crate) id: &'static str,
    pub(crate) memory: u32,
    pub(crate) secure: i64,
    pub(crate) community: i64,
}

const fn gpu(id: &'static str, memory: u32, secure: i64, community: i64) -> Gpu {
    Gpu { id, memory, secure, community }
}

pub(crate) const GPUS: [Gpu; 29] = [
    gpu("AMD Instinct MI300X OAM", 192, 239, 0),
    gpu("NVIDIA A100 80GB PCIe", 80, 139, 119),
    gpu("NVIDIA A100-SXM4-80GB", 80, 159, 139),
    gpu("NVIDIA A100-SXM4-40GB", 40, 0, 100),
    gpu("NVIDIA A30", 24, 0, 0),
    gpu("NVIDIA A40", 48, 44, 0),
    gpu("NVIDIA B200", 180, 679, 598),
    gpu("NVIDIA B300 SXM6 AC", 288, 789, 694),
    gpu("NVIDIA GeForce RTX 4090", 24, 74, 34),
    gpu("NVIDIA GeForce RTX 5090", 32, 99, 69),
    gpu("NVIDIA H100 80GB HBM3", 80, 329, 269),
    gpu("NVIDIA H100 NVL", 94, 319, 259),
    gpu("NVIDIA H100 PCIe", 80, 239, 0),
    gpu("NVIDIA H200", 141, 459, 359),
    gpu("NVIDIA H200 NVL", 143, 379, 0),
    gpu("NVIDIA L4", 24, 49, 0),
    gpu("NVIDIA L40", 48, 82, 69),
    gpu("NVIDIA L40S", 48, 99, 79),
    gpu("NVIDIA RTX 2000 Ada Generation", 16, 24, 16),
    gpu("NVIDIA RTX 4000 Ada Generation", 20, 28, 20),
    gpu("NVIDIA RTX 5000 Ada Generation", 32, 0, 49),
    gpu("NVIDIA RTX 6000 Ada Generation", 48, 84, 74),
    gpu("NVIDIA RTX A2000", 6, 0, 0),
    gpu("NVIDIA RTX A4000", 16, 25, 17),
    gpu("NVIDIA RTX A4500", 20, 25, 19),
    gpu("NVIDIA RTX A5000", 24, 27, 16),
    gpu("NVIDIA RTX A6000", 48, 53, 33),
    gpu("NVIDIA RTX PRO 4500 Blackwell", 32, 72, 34),
    gpu("NVIDIA RTX PRO 6000 Blackwell Server Edition", 96, 209, 169),
];

/// CPU flavours: id, GB of memory for each vCPU, hundredths of a dollar per hour for each vCPU.
pub(crate) const CPUS: [(&str, u32, i64); 6] =
    [("cpu3c", 2, 3), ("cpu3g", 4, 4), ("cpu3m", 8, 5), ("cpu5c", 2, 4), ("cpu5g", 4, 5), ("cpu5m", 8, 6)];

/// Largest number of vCPUs of a flavour.
pub(crate) const MOST_VCPUS: u64 = 32;

/// GPUs of one type in one instance at most.
pub(crate) const MOST_GPUS: u64 = 8;

/// Data centres: id and whether it has global networking.
pub(crate) const DATA_CENTERS: [(&str, bool); 26] = [
    ("EU-RO-1", true),
    ("CA-MTL-1", false),
    ("EU-SE-1", true),
    ("US-IL-1", true),
    ("EUR-IS-1", false),
    ("EU-CZ-1", true),
    ("US-TX-3", true),
    ("EUR-IS-2", true),
    ("US-KS-2", true),
    ("US-GA-2", true),
    ("US-WA-1", true),
    ("US-TX-1", false),
    ("CA-MTL-3", true),
    ("EU-NL-1", true),
    ("US-TX-4", true),
    ("US-CA-2", true),
    ("US-NC-1", true),
    ("OC-AU-1", true),
    ("US-DE-1", false),
    ("EUR-IS-3", false),
    ("CA-MTL-2", false),
    ("AP-JP-1", false),
    ("EUR-NO-1", false),
    ("EU-FR-1", true),
    ("US-KS-3", false),
    ("US-GA-1", true),
];

/// Instances of one GPU type that fit into one data centre, unless the script says otherwise.
pub(crate) const STOCK: u64 = 1000;

pub(crate) fn find(id: &str) -> Option<&'static Gpu> {
    GPUS.iter().find(|gpu| gpu.id == id)
}

pub(crate) fn cpu(id: &str) -> Option<&'static (&'static str, u32, i64)> {
    CPUS.iter().find(|cpu| cpu.0 == id)
}

// === impl Gpu ===

impl Gpu {
    /// Millionths of a dollar per hour for one; `None` if this cloud does not offer it.
    pub(crate) fn micros(&self, secure: bool) -> Option<i64> {
        let cents = if secure { self.secure } else { self.community };
        (cents > 0).then_some(cents * 10_000)
    }
}
