// Everything here breaks a rule on purpose: tools/lint/boundaries.spec.ts checks that each one is reported.
import { readFileSync } from 'node:fs';
import { hostname } from 'os';
import express from 'express';
import * as service from '@cordwood/service';
import * as testkit from '@cordwood/testkit';

export const imports = [readFileSync, hostname, express, service, testkit];
export const dynamicImport = import('node:net');
export const environment = process.env;
export const request = fetch('http://127.0.0.1');
export const now = Date.now();
export const today = new Date();
export const todayAsText = Date();
export const random = Math.random();
export const uuid = crypto.randomUUID();
export const elapsed = performance.now();
export const timer = setTimeout(() => undefined, 1);
export const detour = globalThis.process;

// What a pure library may use: bytes, and dates that come in as values.
export const allowed = [Buffer.from('x'), new Date(0), Date.UTC(2026, 10, 21), Date.parse('2026-11-21')];
