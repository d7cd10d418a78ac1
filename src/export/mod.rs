//! Export (导出): footage of a span as plain MP4, and the evidence package around it that can be checked offline.
