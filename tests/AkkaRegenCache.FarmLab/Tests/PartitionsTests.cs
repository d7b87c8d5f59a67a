using System.Text;
using System.Text.Json;
using AkkaRegenCache.FarmLab.Node;
using AkkaRegenCache.FarmLab.Origin;
using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;
using Xunit;

namespace AkkaRegenCache.FarmLab.Tests;

public sealed class PartitionsTests
{
    [Fact]
    public void The_origins_log_is_put_together_again_also_while_it_is_written()
    {
        var path = Path.GetTempFileName();
        try
        {
            using var writer = new OriginLog.Writer(path);
            var reader = new OriginLog.Reader(path);
            writer.Write(OriginLog.Line("begin", "k", 1, "n1.1", 17, 100));
            writer.Write(OriginLog.Line("begin", "k", 2, "n2.1", 18, 110));
            writer.Write(OriginLog.Line("mark", "k", 3, "n2.1", 0, 120));
            Assert.Equal(3, reader.Read().Count);
            writer.Write(OriginLog.Line("end", "k", 2, "n2.1", 18, 150, "cancelled"));
            writer.Write(OriginLog.Line("end", "k", 1, "n1.1", 17, 160, "ok"));
            var runs = reader.Read().OrderBy(run => run.Number).ToList();
            Assert.Equal(
                [
                    new OriginRun("k", 1, "n1.1", 17, 100, 160, false, false),
                    new OriginRun("k", 2, "n2.1", 18, 110, 150, true, false),
                    new OriginRun("k", 3, "n2.1", 0, 120, 120, false, true),
                ],
                runs);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_line_of_monitor_is_taken_apart_to_the_byte()
    {
        var line = MonitorLine.Parse("+1700000000.123456 [0 lua] \"SET\" \"arc:{lab:k}:v\" \"ARV\\x9e\\x01\\\"\\\\\\n\" \"PX\" \"10\"")!;
        Assert.True(line.IsFromScript);
        Assert.Equal(1_700_000_000_123_456, line.Micros);
        Assert.Equal(["SET", "arc:{lab:k}:v", "ARV\u009e\u0001\"\\\n", "PX", "10"], line.Arguments);
        Assert.False(MonitorLine.Parse("+1700000000.123456 [0 127.0.0.1:99] \"PING\"")!.IsFromScript);
        Assert.Null(MonitorLine.Parse("+OK"));
    }

    [Fact]
    public void A_record_is_read_as_the_store_writes_it()
    {
        var value = LabValue.Of("k", 7, 42, "n1.1", false, 1, 2);
        byte[] bytes =
        [
            (byte)'A', (byte)'R', (byte)'V', 0x9e, 2, 0, 64, 0,
            .. BitConverter.GetBytes(42L), .. BitConverter.GetBytes(500L), .. BitConverter.GetBytes(300L), .. BitConverter.GetBytes(100L),
            .. BitConverter.GetBytes(900L), .. new byte[16], 2, .. JsonSerializer.SerializeToUtf8Bytes(value, JsonSerializerOptions.Web),
        ];
        var record = AcceptedRecord.Read("k", bytes, 10, 11, 3)!;
        Assert.Equal(new AcceptedRecord("k", 42, false, 7, false, 300, 500, 10, 11, 3), record);
        Assert.Null(AcceptedRecord.Read("k", "something else, and long enough to be a header with a value"u8, 0, 0, 0));
    }

    [Fact]
    public void The_commands_of_an_info_are_counted()
    {
        var info = "# Commandstats\r\ncmdstat_get:calls=12,usec=3,usec_per_call=1\r\ncmdstat_script|load:calls=2,usec=1\r\n";
        Assert.Equal(new Dictionary<string, long> { ["get"] = 12, ["script|load"] = 2 }, RedisUse.ParseCounts(info));
    }

    [Fact]
    public void What_is_not_known_is_refused_with_what_is()
    {
        Assert.Contains("redis", Assert.Throws<UsageException>(() => LabOptions.Parse(["cold", "--mode", "carrier-pigeon"])).Message, StringComparison.Ordinal);
        Assert.Contains("churn", Assert.Throws<UsageException>(() => LabOptions.Parse(["tepid"])).Message, StringComparison.Ordinal);
        Assert.Throws<UsageException>(() => LabOptions.Parse(["cold", "--nodes", "1"]));
        Assert.Throws<UsageException>(() => LabOptions.Parse(["cold", "--frobnicate"]));
        Assert.Contains("--mode", Assert.Throws<UsageException>(() => LabOptions.Parse(["cold", "--mdoe", "redis"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_command_line_is_understood()
    {
        var options = LabOptions.Parse(["churn", "--nodes", "3", "--mode", "redis", "--json", "--seconds", "9", "--seed", "4", "--interval", "1.5"]);
        Assert.Equal(("churn", 3, "redis", true, 9, 4), (options.Scenario, options.Nodes, options.Mode, options.IsJson, options.Seconds, options.Seed));
        Assert.Equal(TimeSpan.FromSeconds(1.5), options.Interval);
    }

    [Fact]
    public void The_report_is_one_line_of_json_with_the_names_that_others_read()
    {
        var json = new LabReport { Scenario = "cold", Mode = "redis", Nodes = 5, Runs = 3 }.ToJson();
        Assert.DoesNotContain('\n', json);
        using var document = JsonDocument.Parse(json);
        foreach (var name in "scenario mode nodes runs idealRuns accepted errors wrongAnswers waitedReads waitAfterRunMsP50 waitAfterRunMsP99 takeoverMs staleAfterHealMs starvedMs redisCommandsPerSecond seed violations".Split(' '))
            Assert.True(document.RootElement.TryGetProperty(name, out _), name);
        Assert.Equal(3, document.RootElement.GetProperty("runs").GetInt32());
        Assert.Equal(JsonValueKind.Null, document.RootElement.GetProperty("takeoverMs").ValueKind);
    }
}
