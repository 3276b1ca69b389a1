"""Sealed letters: durable before they are acknowledged, leased to their receiver, closed by signed
receipts."""
