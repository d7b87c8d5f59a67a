using System.Text.Json;

namespace AkkaRegenCache;

/// <summary>What the memory layer does with a new key when it is full.</summary>
public enum MemoryPolicy
{
    /// <summary>Evicts what is worth least (an adaptive S3-FIFO).</summary>
    Evict,

    /// <summary>Keeps what it has; new keys are served, but not remembered on this node.</summary>
    StopAdmitting,
}

/// <summary>What becomes of a value that can't be read as the type it is asked for.</summary>
public enum UnreadableValues
{
    /// <summary>
    /// It counts as missing: a caller that brings a generator has it made again, other callers don't find it. One warning is logged for each kind of key.
    /// </summary>
    Regenerate,

    /// <summary>The call throws <see cref="InvalidOperationException"/>.</summary>
    Throw,
}

/// <summary>Options of one named cache. Validated when the host starts; read once, when the cache is made.</summary>
public sealed class RegenCacheOptions
{
    /// <summary>The options of entries that name none.</summary>
    public RegenEntryOptions DefaultEntryOptions { get; set; } = new();

    /// <summary>The most entries in this node's memory. For a cache of one process it is also the most entries in all. Default: 100,000.</summary>
    public long MaximumEntries { get; set; } = 100_000;

    /// <summary>
    /// The most bytes of values in this node's memory; null: no bound. A cache of one process may keep as much again: values that memory has evicted and
    /// that the schedule still knows. Default: null.
    /// </summary>
    public long? MaximumBytes { get; set; }

    /// <summary>What happens when memory is full. Default: <see cref="MemoryPolicy.Evict"/>.</summary>
    public MemoryPolicy MemoryPolicy { get; set; } = MemoryPolicy.Evict;

    /// <summary>
    /// What becomes of a value that can't be read as the type it is asked for. Another version of the application or another serializer may have written
    /// it, or other code uses the same key. Default: <see cref="UnreadableValues.Regenerate"/>.
    /// </summary>
    public UnreadableValues UnreadableValues { get; set; } = UnreadableValues.Regenerate;

    /// <summary>
    /// How System.Text.Json serializes values that have no serializer of their own. Null: the application's keyed options of
    /// <c>typeof(IHybridCacheSerializer&lt;&gt;)</c>, as HybridCache takes them; else the cache's own, which need reflection. In an application that is
    /// trimmed or compiled ahead of time, set a source-generated <see cref="JsonSerializerOptions.TypeInfoResolver"/>. All nodes must have the same
    /// options. Default: null.
    /// </summary>
    public JsonSerializerOptions? JsonSerializerOptions { get; set; }

    /// <summary>The longest key, in UTF-16 characters; at most 1,024. Default: 1,024.</summary>
    public int MaximumKeyLength { get; set; } = 1024;

    /// <summary>
    /// The largest serialized value, in bytes, that is sent to the external store. A larger one is kept in this node's memory only; the
    /// first one is logged. Default: 16 MiB.
    /// </summary>
    public int MaximumPayloadBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>The largest serialized value, in bytes, that travels inside a notification. Default: 16 KiB. 0: none does.</summary>
    public int InlinePayloadBytes { get; set; } = 16 * 1024;

    /// <summary>
    /// How long a claim stands without being renewed. It is renewed every third of this time. When its holder dies, another node can claim the key after
    /// this time at the latest. Default: 3 seconds.
    /// </summary>
    public TimeSpan ClaimLease { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// The longest a reader waits for the external store in all: for the record and, if there is none, for the claim. Then the value is generated on this
    /// node without the store. A single try gets half of this time. Default: 500 milliseconds.
    /// </summary>
    public TimeSpan StoreReadTimeout { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// The longest that a host's start waits for the external store's first answer, so that the first readers don't pay for connecting. Then the host
    /// starts without it. 0: the start doesn't wait. Default: 2 seconds.
    /// </summary>
    public TimeSpan StoreWarmUpTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The longest one write to the external store may take before it counts as failed, and the longest a set or removal waits. Then it returns as pending
    /// (<see cref="ChangeResult.IsPending"/>) and is delivered in the background. Default: 1 second.
    /// </summary>
    public TimeSpan StoreWriteTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// After so many failures in a row, and a failed probe, the external store counts as down. Then nothing is sent to it, so that nobody waits, except a
    /// probe every <see cref="StoreBreakDuration"/>. Default: 3.
    /// </summary>
    public int StoreFailuresToBreak { get; set; } = 3;

    /// <summary>How often a store that counts as down is probed. Default: 500 milliseconds.</summary>
    public TimeSpan StoreBreakDuration { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// The most sets and removals that may be pending on this node. Further ones fail with a <see cref="RegenStoreException"/>. Default: 100,000.
    /// </summary>
    public int MaximumPendingChanges { get; set; } = 100_000;

    /// <summary>
    /// How often this node repeats the number of its last notification, so that other nodes notice one that they missed. Default: 500 milliseconds.
    /// </summary>
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How long a leaving node waits for its running generators, so that their results are stored and no other node starts them again. A node leaves when
    /// its host has stopped or the cache is disposed. What runs longer is handed over. 0: everything is handed over at once. Default: 5 seconds.
    /// </summary>
    public TimeSpan LeaveTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How many scheduled regenerations run on this node at the same time; further ones wait. Generators that callers wait for have a bound of their own
    /// (<see cref="MaximumForegroundGenerations"/>). Default: 64.
    /// </summary>
    public int MaximumBackgroundGenerations { get; set; } = 64;

    /// <summary>
    /// How many generators that callers wait for run on this node at the same time; further keys wait in the order they came. Calls inside a generator are
    /// not bounded. A generator past its deadline is not counted any more. Default: 1,000.
    /// </summary>
    public int MaximumForegroundGenerations { get; set; } = 1000;

    /// <summary>
    /// How many keys may wait for a run (<see cref="MaximumForegroundGenerations"/>). Callers of further keys get a <see cref="RegenOverloadException"/>. A
    /// key counts once, however many callers it has. 0: none waits. Default: 10,000.
    /// </summary>
    public int MaximumQueuedGenerations { get; set; } = 10_000;

    /// <summary>
    /// Scheduled regenerations start late by a random time of up to this share of their interval, at most one second, so that keys which came together
    /// don't start together. Schedules don't drift by it. Between 0 and 0.5. Default: 0.1.
    /// </summary>
    public double JitterShare { get; set; } = 0.1;

    /// <summary>
    /// Whether the cache sends and receives notifications. If not, other nodes learn of a change when their claim or their entry ends. Default: true.
    /// </summary>
    public bool NotificationsEnabled { get; set; } = true;

    /// <summary>For tests: what a later release might write with values.</summary>
    internal Serialization.IValueFields? ValueFields { get; set; }
}
