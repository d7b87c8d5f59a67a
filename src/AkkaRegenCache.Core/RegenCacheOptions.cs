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

/// <summary>What a value is worth that can't be read as the type it is asked for.</summary>
public enum UnreadableValues
{
    /// <summary>Nothing: it is made again by whoever brings a generator, and is not found by others. One warning is logged for each kind of key.</summary>
    Regenerate,

    /// <summary>An error: the call throws <see cref="InvalidOperationException"/>.</summary>
    Throw,
}

/// <summary>Options of one named cache. Validated when the host starts; read once, at creation.</summary>
public sealed class RegenCacheOptions
{
    /// <summary>What entries get that name no options of their own.</summary>
    public RegenEntryOptions DefaultEntryOptions { get; set; } = new();

    /// <summary>The most entries this node keeps in memory; and of a cache that has this process alone, the most that there are. Default: 100,000.</summary>
    public long MaximumEntries { get; set; } = 100_000;

    /// <summary>
    /// The most bytes of values this node keeps in memory; null: not bounded. A cache that has this process alone keeps as much again at the most, of
    /// values that memory has let go and the schedule still knows. Default: null.
    /// </summary>
    public long? MaximumBytes { get; set; }

    /// <summary>What happens when memory is full. Default: <see cref="MemoryPolicy.Evict"/>.</summary>
    public MemoryPolicy MemoryPolicy { get; set; } = MemoryPolicy.Evict;

    /// <summary>
    /// What becomes of a value that can't be read as the type it is asked for: another version of the application has stored it, or another serializer, or
    /// other code uses the same key. Default: <see cref="UnreadableValues.Regenerate"/>.
    /// </summary>
    public UnreadableValues UnreadableValues { get; set; } = UnreadableValues.Regenerate;

    /// <summary>
    /// How values are serialized that have no serializer of their own, with System.Text.Json. Null: the application's keyed options of
    /// <c>typeof(IHybridCacheSerializer&lt;&gt;)</c>, as HybridCache takes them, else the cache's own, which need reflection: in an application that is
    /// trimmed or compiled ahead of time, set these, with a source-generated <see cref="JsonSerializerOptions.TypeInfoResolver"/>. All nodes must have the
    /// same. Default: null.
    /// </summary>
    public JsonSerializerOptions? JsonSerializerOptions { get; set; }

    /// <summary>The longest key in UTF-16 characters. Default, and at most: 1,024.</summary>
    public int MaximumKeyLength { get; set; } = 1024;

    /// <summary>
    /// The largest serialized value, in bytes, that is sent to the external store. A larger one is kept in this node's memory only, with
    /// one warning. Default: 16 MiB.
    /// </summary>
    public int MaximumPayloadBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>The largest serialized value, in bytes, that travels inside a notification. Default: 16 KiB. 0: none does.</summary>
    public int InlinePayloadBytes { get; set; } = 16 * 1024;

    /// <summary>
    /// For how long a claim holds without being renewed; it is renewed every third of it. The time after which somebody else takes over from a
    /// dead holder. Default: 3 seconds.
    /// </summary>
    public TimeSpan ClaimLease { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// The longest a reader is kept waiting for the external store, in all: for the record and, where there is none, for the right to generate. After
    /// it the value is generated on this node without the store. A single try gets half of it. Default: 500 milliseconds.
    /// </summary>
    public TimeSpan StoreReadTimeout { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How long the start of a host waits at the most for the external store's first answer, so that the first readers don't pay for connecting. A host
    /// starts all the same when the time is over, or the store can't be reached. Default: 2 seconds; 0: the start doesn't wait.
    /// </summary>
    public TimeSpan StoreWarmUpTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The longest one write to the external store may take, after which it counts as failed, and the longest a set or a removal is kept waiting;
    /// then it returns as pending (<see cref="ChangeResult.IsPending"/>) and is carried on in the background. Default: 1 second.
    /// </summary>
    public TimeSpan StoreWriteTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// After so many failures in a row the external store counts as down: it isn't asked, so that nobody waits for it, but for a probe every
    /// <see cref="StoreBreakDuration"/>. Default: 3.
    /// </summary>
    public int StoreFailuresToBreak { get; set; } = 3;

    /// <summary>How often a store that counts as down is probed. Default: 500 milliseconds.</summary>
    public TimeSpan StoreBreakDuration { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// The most sets and removals that may wait on this node for the external store to answer again. Beyond it they fail with a
    /// <see cref="RegenStoreException"/>. Default: 100,000.
    /// </summary>
    public int MaximumPendingChanges { get; set; } = 100_000;

    /// <summary>
    /// How often this node repeats the number of its last notification, by which others notice one they missed. Default: 500 milliseconds.
    /// </summary>
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How long a node that leaves (its host has stopped, or the cache is disposed) lets the generators come to their end that run on it, so that their
    /// results are stored and no other node begins them again. What runs longer is handed over. Default: 5 seconds; 0: everything is handed over at once.
    /// </summary>
    public TimeSpan LeaveTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How many scheduled regenerations run on this node at the same time; more wait their turn. Generators that callers wait for have a bound of their
    /// own. Default: 64.
    /// </summary>
    public int MaximumBackgroundGenerations { get; set; } = 64;

    /// <summary>
    /// How many generators that callers wait for run on this node at the same time; more keys wait their turn, in the order they came. Calls made inside a
    /// generator are not bounded by it, nor is a generator counted any longer that has run past its deadline. Default: 1,000.
    /// </summary>
    public int MaximumForegroundGenerations { get; set; } = 1000;

    /// <summary>
    /// How many keys may wait for their turn to be generated; callers of further ones get a <see cref="RegenOverloadException"/>. However many callers
    /// a key has, it waits once. Default: 10,000; 0: none waits.
    /// </summary>
    public int MaximumQueuedGenerations { get; set; } = 10_000;

    /// <summary>
    /// Scheduled regenerations start up to this share of their interval late, at random, so that keys which came together don't burst
    /// together; at most one second. Schedules don't drift by it. Default: 0.1. Between 0 and 0.5.
    /// </summary>
    public double JitterShare { get; set; } = 0.1;

    /// <summary>
    /// Whether the cache takes part in the farm's notifications. Off, other nodes learn of a change when their claim or their entry ends.
    /// Default: true.
    /// </summary>
    public bool UseNotifications { get; set; } = true;

    /// <summary>For tests: what a later release might write with values.</summary>
    internal Serialization.IValueFields? ValueFields { get; set; }
}
