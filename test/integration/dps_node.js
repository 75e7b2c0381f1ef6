// SPDX-License-Identifier: Apache-2.0
// Microsoft's Node client, unmodified: registers by TPM, and prints the hub, the device's id and
// a token signed with the hub's key.
//	node dps_node.js TPM-PORT SERVER SCOPE [REGISTRATION-ID]
'use strict';
const https = require('https');
const net = require('net');
const tss = require('tss.js');
const { TpmSecurityClient } = require('azure-iot-security-tpm');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');

const [port, server, scope, id] = process.argv.slice(2);
const [host, httpsPort] = server.split(':');

// The client knows port 443 only; Node itself can be told of another one.
https.globalAgent.defaultPort = Number(httpsPort);

// tss.js knows Microsoft's simulator and /dev/tpm0; swtpm takes bare commands over TCP.
class Swtpm {
	connect(done) {
		this.socket = net.connect(Number(port), '127.0.0.1', () => setImmediate(done, null));
		return null;
	}
	dispatchCommand(command, done) {
		let answer = Buffer.alloc(0);
		const take = (piece) => {
			answer = Buffer.concat([answer, piece]);
			if (answer.length < 10 || answer.length < answer.readUInt32BE(2))
				return;
			this.socket.removeListener('data', take);
			setImmediate(done, null, answer);
		};
		this.socket.on('data', take);
		this.socket.write(Buffer.from(command));
	}
	close() {
		this.socket.end();
	}
}

function fail(what, err) {
	console.error(`${what}: ${err && (err.stack || err)}`);
	process.exit(1);
}

const tpm = new tss.Tpm(false);
tpm.device = new Swtpm();
const security = new TpmSecurityClient(id || undefined, tpm);
const client = ProvisioningDeviceClient.create(host, scope, new Http(), security);

client.register((err, answer) => {
	if (err)
		fail('register', err);
	const result = answer.registrationState || answer;
	const expires = Math.floor(Date.now() / 1000) + 600;
	const sr = encodeURIComponent(`${result.assignedHub}/devices/${result.deviceId}`);
	security.signWithIdentity(Buffer.from(`${sr}\n${expires}`), (failed, sig) => {
		if (failed)
			fail('sign', failed);
		console.log(result.assignedHub);
		console.log(result.deviceId);
		console.log(`SharedAccessSignature sr=${sr}&sig=` +
		    `${encodeURIComponent(sig.toString('base64'))}&se=${expires}`);
		tpm.close();
		process.exit(0);
	});
});
