import * as esbuild from "esbuild";
const r = await esbuild.build({entryPoints:Deno.args,bundle:true,splitting:true,write:false,format:"esm",platform:"browser",target:"es2022",minify:true,metafile:true,outdir:"/tmp/x",external:["@huggingface/hub","@huggingface/tokenizers","node:*"],supported:{using:false}});
const only=Deno.args; const by: Record<string, number>={}; const files: [string, number][]=[];
for (const o of Object.values(r.metafile!.outputs)) for (const [p,{bytesInOutput}] of Object.entries(o.inputs)) {
 const parts=p.split("/"); const key=parts.slice(0, parts.length>2?2:1).join("/"); by[key]=(by[key]??0)+bytesInOutput; files.push([p,bytesInOutput]);
}
console.log(Object.entries(by).sort((a,b)=>b[1]-a[1]).slice(0,30));
files.sort((a,b)=>b[1]-a[1]); console.log(files.slice(0,45).map(([p,b])=>`${b} ${p}`).join("\n"));
await esbuild.stop();
import { gzipSync } from "node:zlib";
let t=0; for (const f of r.outputFiles!) t+=gzipSync(f.contents,{level:9}).length; console.log(Deno.args.join(" "), "gzip", t);
