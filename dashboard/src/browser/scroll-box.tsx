// A table that scrolls sideways where it is wider than its place, reachable with the keys.
import { type ReactNode, useRef } from "react";
import { useCutEdge } from "./cut-edge";

export function ScrollBox({ label, className = "", children }: { label: string; className?: string; children: ReactNode }) {
  const scroller = useRef<HTMLDivElement>(null);
  useCutEdge(scroller);
  return (
    <div className="cut-edge">
      <div ref={scroller} className={`scroll ${className}`.trim()} tabIndex={0} role="region" aria-label={label}>
        {children}
      </div>
    </div>
  );
}
