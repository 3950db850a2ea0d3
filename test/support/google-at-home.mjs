import http from 'node:http';
import https from 'node:https';

// Loaded before a server of ours (`node --import`): leads Google's token service, whose address its SDK has built in, to
// the fake that GOOGLE_AT_HOME names. Nothing else is touched.

const { request } = https;
https.request = (...call) => {
  if (!String(call[0]).startsWith('https://oauth2.googleapis.com/token')) return request(...call);
  const [, { method, headers }] = call;
  return http.request(`${process.env.GOOGLE_AT_HOME}/token`, { method, headers });
};
